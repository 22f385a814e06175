import { existsSync, linkSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Folders, MachineState } from './tool.ts'

/** Fills the input folder with one image a machine, as the users of file backup programs would have them. */
export function presentImages({ input }: Folders, machines: readonly MachineState[]): void {
  // A new link changes the file's ctime, and so an unchanged disk would look changed.
  if (isPresented(input, machines)) return
  rmSync(input, { recursive: true, force: true })
  mkdirSync(input, { recursive: true })
  for (const { machine, image } of machines) linkSync(image, join(input, `${machine}.raw`))
}

function isPresented(input: string, machines: readonly MachineState[]): boolean {
  if (!existsSync(input) || readdirSync(input).length !== machines.length) return false
  return machines.every(({ machine, image }) => {
    const link = statSync(join(input, `${machine}.raw`), { throwIfNoEntry: false })
    return link !== undefined && link.ino === statSync(image).ino
  })
}
