import { mkdirSync, rmSync, statSync } from 'node:fs'
import { runQuietly } from '../measure/run-quietly.ts'
import type { MachineState } from '../tools/tool.ts'
import type { Workshop } from './workshop.ts'

/** Makes the output folder exist and be empty. */
export function clearOutput({ folders }: Workshop): void {
  rmSync(folders.output, { recursive: true, force: true })
  mkdirSync(folders.output, { recursive: true })
}

/** Compares restored disks with their images, byte for byte. A fast backup of something else is no backup. */
export async function compareRestored(workshop: Workshop, machines: readonly MachineState[]): Promise<void> {
  for (const { machine, image } of machines) {
    await runQuietly('cmp', [image, workshop.tool.restoredDisk(workshop.folders, machine)])
  }
}

/** Adds up the space that restored disks take. */
export function restoredBytes(workshop: Workshop, machines: readonly MachineState[]): number {
  return machines
    .map(({ machine }) => statSync(workshop.tool.restoredDisk(workshop.folders, machine)).blocks * 512)
    .reduce((sum, bytes) => sum + bytes, 0)
}
