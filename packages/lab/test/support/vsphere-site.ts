import { type SimulatedVsphere, startVsphere, type VsphereOptions } from 'holdfast-lab'
import { afterEach, beforeEach } from 'vitest'
import { soapClient } from './vsphere-soap.ts'

/** A server for each test, with one machine that is looked at, and ways to speak to it. */
export function vsphereSite(options: VsphereOptions) {
  let vsphere: SimulatedVsphere | undefined
  let soap: ReturnType<typeof soapClient> | undefined
  let vm = ''
  beforeEach(async () => {
    vsphere = await startVsphere(options)
    soap = soapClient(vsphere)
    vm = (await vsphere.control.machine('vm1')).ref
  })
  afterEach(async () => await vsphere?.stop())

  const there = () => {
    if (vsphere === undefined || soap === undefined) throw new Error('There is no server outside of a test')
    return { vsphere, soap }
  }
  const folder = async (path: string, init: RequestInit = {}, user = there().vsphere.administrator) => {
    const base = `${there().vsphere.url.replace('/sdk', '/folder')}/${path}?dcPath=DC0&dsName=datastore1`
    const basic = Buffer.from(`${user.user}:${user.password}`).toString('base64')
    return await fetch(base, { ...init, headers: { Authorization: `Basic ${basic}`, ...init.headers } })
  }
  return {
    get vsphere() {
      return there().vsphere
    },
    get soap() {
      return there().soap
    },
    /** Reference of the machine. */
    get vm() {
      return vm
    },
    folder,
    /** The first byte of a file, or the status where it is not given. */
    firstByte: async (path: string) => {
      const response = await folder(path, { headers: { Range: 'bytes=0-0' } })
      return response.status === 206 ? new Uint8Array(await response.arrayBuffer())[0] : response.status
    },
    /** Writes the first byte of the disk, as the guest does. */
    write: (byte: number) => there().vsphere.control.write('vm1', 0, 0, Uint8Array.of(byte)),
  }
}
