import { z } from 'zod'

/** Options of {@link qemuSource}. Relative paths start from the config file's folder. */
export interface QemuSourceOptions {
  /**
   * Path of the QMP socket of each machine, with `{name}` once: `/run/vms/{name}.qmp`, `/run/vms/{name}/qmp.sock`.
   *
   * Every socket that fits is a machine. Holdfast must be its only client while it works.
   */
  readonly monitor: string
  /** Folder with the libvirt XML of the machines, `<name>.xml`: names, disks and hardware are then taken from there. */
  readonly definitions?: string | undefined
  /** Folder on QEMU's host, writable for QEMU: there lies what a guest overwrites while it is backed up. */
  readonly scratch: string
  /**
   * Which way the data goes: `pull` reads from QEMU's one NBD server; `push` has QEMU write to a socket of ours, for machines
   * whose server is taken or cannot be reached, and needs room for the data in the folder for temporary files.
   *
   * @defaultValue `pull`
   */
  readonly transport?: 'pull' | 'push' | undefined
  /** Folder that restored machines are put below, and that QEMU may read. @defaultValue none: nothing can be restored here */
  readonly images?: string | undefined
  /** How restored machines are started to prove that they boot. */
  readonly boot?: BootOptions | undefined
  /** Longest that a write of the guest may wait for scratch, in ms; the backup gives way then. @defaultValue `20_000` */
  readonly scratchTimeoutMs?: number | undefined
  /** Longest that QEMU may take to answer a command, in ms. @defaultValue `30_000` */
  readonly timeoutMs?: number | undefined
}

/** How QEMU is started. */
export interface BootOptions {
  /** @defaultValue `qemu-system-x86_64` */
  readonly program?: string | undefined
  /** QEMU's accelerators, first choice first. @defaultValue `kvm:tcg` */
  readonly accelerator?: string | undefined
  /** UEFI for machines that have it. @defaultValue `/usr/share/ovmf/OVMF.fd` */
  readonly uefiFirmware?: string | undefined
  /** Most memory that a machine gets for it, in bytes. @defaultValue 4 GiB */
  readonly maxMemoryBytes?: number | undefined
}

const path = (expected: string) =>
  z
    .string(expected)
    .min(1, expected)
    .refine((text) => !text.includes('\0'), 'a path cannot hold a NUL character')

const milliseconds = (least: number) =>
  z.number('expected a number of milliseconds').int('expected whole milliseconds').min(least).max(3_600_000)

/** Checks and completes the options. */
export const qemuOptions = z.strictObject({
  monitor: path('expected the path of a QMP socket with {name} in it')
    .refine((text) => /^[^{}]*\{name\}[^{}]*$/.test(text), 'expected {name} once in the path: /run/vms/{name}.qmp')
    .describe('Path of the QMP socket of each machine, with {name} in it'),
  definitions: path('expected a folder with libvirt XML')
    .optional()
    .describe('Folder with the libvirt XML of the machines'),
  scratch: path('expected a folder that QEMU may write to').describe(
    'Folder for what a guest overwrites while it is backed up',
  ),
  transport: z
    .enum(['pull', 'push'], "expected 'pull' or 'push'")
    .default('pull')
    .describe('Whether Holdfast reads from QEMU or QEMU writes to Holdfast'),
  images: path('expected the folder for restored machines')
    .optional()
    .describe('Folder that restored machines are put below'),
  boot: z
    .strictObject({
      program: path('expected the name or path of a program').default('qemu-system-x86_64'),
      accelerator: z
        .string('expected accelerators of QEMU')
        .regex(/^[a-z]+(:[a-z]+)*$/, 'expected accelerators of QEMU, such as kvm:tcg')
        .default('kvm:tcg'),
      uefiFirmware: path('expected the path of a firmware image').default('/usr/share/ovmf/OVMF.fd'),
      maxMemoryBytes: z
        .number('expected a number of bytes')
        .int('expected whole bytes')
        .min(2 ** 24)
        .default(4 * 2 ** 30),
    })
    .prefault({})
    .describe('How restored machines are started to prove that they boot'),
  scratchTimeoutMs: milliseconds(1000)
    .default(20_000)
    .describe('Longest that a write of the guest may wait for scratch, in ms'),
  timeoutMs: milliseconds(100).default(30_000).describe('Longest that QEMU may take to answer a command, in ms'),
})
