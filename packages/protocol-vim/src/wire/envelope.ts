import { protocolError } from '../vim-error.js'
import { memberAt, membersOf, textAt } from './members.js'
import { encodeMember, encodeMembers, type MoRef, type VimObject } from './vim-value.js'
import type { XmlElement } from './xml-element.js'

const envelopeStart =
  '<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"' +
  ' xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>'
const envelopeEnd = '</soapenv:Body></soapenv:Envelope>'

/** Writes a call of a managed object's method (SOAP 1.1, section 4; document literal). */
export function encodeCall(self: MoRef, method: string, args: VimObject): string {
  const body = `${encodeMember('_this', self)}${encodeMembers(args)}`
  return `${envelopeStart}<${method} xmlns="urn:vim25">${body}</${method}>${envelopeEnd}`
}

/** A reason why something was refused. */
export interface VimFault {
  /** Name of its type, such as `InvalidPowerState`. */
  readonly name: string
  /** For people, in the server's language. */
  readonly message: string
  /** Its own members, where the server gave them. */
  readonly detail: XmlElement | undefined
}

/** What a method returned: none for `void`, several for a list. */
export type Answer =
  | { readonly kind: 'returned'; readonly values: readonly XmlElement[] }
  | { readonly kind: 'fault'; readonly fault: VimFault }

/** Reads an answer. @throws VimError `protocol` */
export function readAnswer(envelope: XmlElement): Answer {
  const body = memberAt(envelope, 'Body')?.children[0]
  if (envelope.name !== 'Envelope' || body === undefined) throw protocolError('The answer is no SOAP envelope.')
  if (body.name !== 'Fault') return { kind: 'returned', values: membersOf(body, 'returnval') }
  const detail = memberAt(body, 'detail')?.children[0]
  const name = detail?.typeName ?? detail?.name.replace(/Fault$/, '') ?? textAt(body, 'faultcode') ?? ''
  return { kind: 'fault', fault: { name, message: textAt(body, 'faultstring') ?? '', detail } }
}

/** Reads the reason of a task, a lease or a guest's program that failed: a `LocalizedMethodFault`. */
export function readLocalizedFault(element: XmlElement): VimFault {
  const detail = memberAt(element, 'fault')
  return { name: detail?.typeName ?? '', message: textAt(element, 'localizedMessage') ?? '', detail }
}
