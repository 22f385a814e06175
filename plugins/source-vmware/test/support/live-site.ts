import { copyFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Capture, ChangeToken, DiskId, MachineRef, PluginContext, SourceSession } from '@holdfast/core'
import { type SimulatedVsphere, startVsphere, type VsphereOptions } from 'holdfast-lab'
import { type VmwareSourceOptions, vmwareSource } from '../../src/index.js'
import { call, temporaryFolder } from './captures.js'
import { siteContext } from './fake-site.js'

process.env['VSPHERE_LIVE_PASSWORD'] = 'Secret-1'
process.env['GUEST_LIVE_PASSWORD'] = 'Guest-1'

/** A simulated vSphere, and sources of it. */
export interface LiveSite extends AsyncDisposable {
  readonly vsphere: SimulatedVsphere
  readonly open: (some?: Partial<VmwareSourceOptions>, context?: Partial<PluginContext>) => Promise<SourceSession>
  /** What a disk of a machine holds now. */
  readonly live: (machine: string, disk?: number) => Promise<Buffer>
  /** Writes random bytes as the guest does. */
  readonly write: (machine: string, offset: number, bytes: Uint8Array, disk?: number) => Promise<void>
}

/** Starts one. */
export async function liveSite(options: VsphereOptions = {}): Promise<LiveSite> {
  const vsphere = await startVsphere(options)
  const { host, port, thumbprints, administrator, control } = vsphere
  return {
    vsphere,
    open: async (some, context = {}) =>
      await vmwareSource({
        host,
        port,
        user: administrator.user,
        password: { env: 'VSPHERE_LIVE_PASSWORD' },
        ...(thumbprints === undefined ? { tls: false } : { thumbprint: thumbprints.sha256 }),
        ...some,
      }).open(siteContext(context.tempDir ?? temporaryFolder(), context)),
    live: async (machine, disk = 0) => {
      const path = (await control.machine(machine)).disks[disk]?.live ?? ''
      // A copy: the guest writes on.
      const copy = join(temporaryFolder(), 'copy')
      copyFileSync(path, copy)
      return readFileSync(copy)
    },
    write: (machine, offset, bytes, disk = 0) => control.write(machine, disk, offset, bytes),
    [Symbol.asyncDispose]: () => vsphere[Symbol.asyncDispose](),
  }
}

/** Captures a machine by its name. */
export async function takeNamed(
  session: SourceSession,
  name: string,
  previous: ReadonlyMap<DiskId, ChangeToken> = new Map(),
): Promise<Capture> {
  await using prepared = await session.prepare(await named(session, name), { previous }, call)
  return await prepared.take(call)
}

/** Finds a machine by its name. */
export async function named(session: SourceSession, name: string): Promise<MachineRef> {
  for await (const machine of session.discover({ include: [name] }, call)) return machine
  throw new Error(`no machine ${name}`)
}

/** Brings what is held of a disk to what a capture has, as an engine does: by its extents alone. Returns the bytes that were read. */
export async function follow(capture: Capture, held: Buffer, since?: ChangeToken, disk = 0): Promise<number> {
  const found = capture.disks[disk]
  if (found === undefined) throw new Error('no disk')
  let read = 0
  for await (const { offset, length, kind } of found.extents(since, call)) {
    if (kind === 'data') {
      await found.readInto(offset, held.subarray(offset, offset + length), call)
      read += length
    } else held.fill(0, offset, offset + length)
  }
  return read
}
