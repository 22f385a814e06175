import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { kernelCommandLine, makeGuest } from 'holdfast-lab'
import { boot } from './contestants/boot.ts'
import { createWorkshop } from './contestants/workshop.ts'
import type { Job } from './jobs.ts'
import { holdfast } from './tools/holdfast.ts'
import { type ServedPoint, startServing } from './tools/holdfast-serve.ts'
import type { MachineState } from './tools/tool.ts'

/** Lists the jobs of booting a guest from its backup, against booting it from its disk. */
export function bootJobs(workFolder: string, qemuVersion: string): readonly Job[] {
  const folder = join(workFolder, 'boot')
  const tool = holdfast()
  const workshop = createWorkshop(tool, folder)
  const job = (id: string, title: string, loaderOf: (kernel: string, initrd: string) => readonly string[]): Job => ({
    id,
    title,
    async contestants() {
      mkdirSync(folder, { recursive: true })
      const { disk, kernel } = await makeGuest(folder)
      const state: MachineState = { machine: 'guest', image: disk, changeToken: 'day-1' }
      const common = { loader: loaderOf(kernel.image, kernel.initrd), consoleFile: join(folder, 'console.log') }
      let served: ServedPoint | undefined
      return [
        boot({
          ...common,
          label: 'holdfast serve',
          settings: `QEMU ${qemuVersion} over NBD, a fresh server each time; its start is not measured`,
          async inputs() {
            await workshop.readFrom([state])
            return [disk]
          },
          async attach() {
            served = await startServing(tool.serve(workshop.folders, state.machine))
            return `file=${served.uri}`
          },
          async detach() {
            const server = served
            served = undefined
            await server?.stop()
          },
        }),
        boot({
          ...common,
          label: 'raw file',
          settings: `QEMU ${qemuVersion}, snapshot=on`,
          inputs: async () => [disk],
          attach: async () => `file=${disk},snapshot=on`,
          detach: async () => {},
        }),
      ]
    },
  })
  return [
    job('boot-disk', 'A guest that boots by itself, by BIOS', () => []),
    job('boot-kernel', 'A guest whose kernel QEMU loads', (kernel, initrd) => [
      ...['-kernel', kernel, '-initrd', initrd],
      ...['-append', kernelCommandLine({ staysUp: false })],
    ]),
  ]
}
