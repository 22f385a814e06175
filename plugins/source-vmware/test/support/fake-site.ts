import type { PluginContext } from '@holdfast/core'
import { type FakeMachineOptions, type FakeVsphereOptions, fakeVsphere } from '@holdfast/protocol-vim/testing'
import { testContext } from '@holdfast/testkit'
import { type VmwareSourceOptions, vmwareSource } from '../../src/index.js'

/** Size of the disks of machines here, unless they are given. */
export const diskBytes = 6 * 2 ** 20

/** A vCenter in memory, and sources of it. */
export async function fakeSite(
  machines: readonly (Partial<FakeMachineOptions> & { readonly name: string })[],
  options: FakeVsphereOptions = {},
) {
  const server = await fakeVsphere(options)
  const made = machines.map((machine) =>
    server.addMachine({ disks: [{ sizeBytes: diskBytes }, { sizeBytes: diskBytes }], ...machine }),
  )
  const { host, port } = server.address
  const source = (some: Partial<VmwareSourceOptions> = {}) =>
    vmwareSource({ host, port, tls: false, user: 'user', password: { env: 'VSPHERE_PASSWORD' }, ...some })
  return { server, machines: made, source, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() }
}

process.env['VSPHERE_PASSWORD'] = 'pass'
process.env['GUEST_PASSWORD'] = 'guest'

/** A site. */
export type FakeSite = Awaited<ReturnType<typeof fakeSite>>

/** What a source is opened with. */
export function siteContext(tempDir: string, some: Partial<PluginContext> = {}): PluginContext {
  return { ...testContext({ tempDir }), ...some }
}
