import type { VimObject } from '../wire/vim-value.js'
import { encodeMembers, escapeXml } from '../wire/vim-value.js'

/** A reason why a fake refuses a call; thrown by its methods. */
export class FakeFault extends Error {
  readonly fault: string
  readonly members: VimObject

  constructor(fault: string, message = fault, members: VimObject = {}) {
    super(message)
    this.fault = fault
    this.members = members
  }
}

/** Makes a fault. */
export function fakeFault(fault: string, message?: string, members?: VimObject): FakeFault {
  return new FakeFault(fault, message, members)
}

/** A fault as SOAP says it. */
export function encodeFault({ fault, message, members }: FakeFault): string {
  const detail = `<${fault}Fault xmlns="urn:vim25" xsi:type="${fault}">${encodeMembers(members)}</${fault}Fault>`
  return `<soapenv:Fault><faultcode>ServerFaultCode</faultcode><faultstring>${escapeXml(message)}</faultstring><detail>${detail}</detail></soapenv:Fault>`
}

/** A fault as tasks and leases hold it. */
export function localizedFault({ fault, message, members }: FakeFault): VimObject {
  return { _typeName: 'LocalizedMethodFault', fault: { _typeName: fault, ...members }, localizedMessage: message }
}
