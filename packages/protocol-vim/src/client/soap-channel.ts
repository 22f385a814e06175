import { isFault, VimError } from '../vim-error.js'
import { encodeCall, readAnswer, type VimFault } from '../wire/envelope.js'
import type { MoRef, VimObject } from '../wire/vim-value.js'
import { parseXml, type XmlElement } from '../wire/xml-element.js'
import type { CallOptions } from './call-options.js'
import type { CookieJar } from './cookie-jar.js'
import { type HttpChannel, textOf } from './http-channel.js'

/** Calls methods of managed objects, whoever is logged in. */
export type SoapCall = (
  self: MoRef,
  method: string,
  args: VimObject,
  options: CallOptions,
) => Promise<readonly XmlElement[]>

/** What calls go through. */
export interface SoapSite {
  readonly http: HttpChannel
  readonly cookies: CookieJar
  /** Version of the API, such as `8.0`. */
  readonly version: () => string
  readonly maxAnswerBytes: number
}

/** Makes calls of a channel. They resolve with what the method returned: nothing for `void`, several elements for a list. */
export function soapCall({ http, cookies, version, maxAnswerBytes }: SoapSite): SoapCall {
  return async (self, method, args, options) => {
    const body = encodeCall(self, method, args)
    using answer = await http.send(
      {
        method: 'POST',
        path: '/sdk',
        headers: {
          'content-type': 'text/xml; charset=utf-8',
          soapaction: `urn:vim25/${version()}`,
          ...cookies.header(),
        },
        body,
      },
      options,
    )
    cookies.take(answer.headers['set-cookie'])
    // Faults come with status 500, and their envelope.
    if (answer.status !== 200 && answer.status !== 500) throw statusError(method, answer.status)
    const text = await textOf(answer, maxAnswerBytes)
    if (answer.status === 500 && !text.includes('Envelope')) throw statusError(method, answer.status)
    const read = readAnswer(parseXml(text))
    if (read.kind === 'fault') throw faultError(method, read.fault)
    return read.values
  }
}

function statusError(method: string, status: number): VimError {
  return new VimError('http', `${method} was answered with HTTP status ${status}.`, { method, status })
}

/** Makes the error of a refused call. */
function faultError(method: string, { name, message, detail }: VimFault): VimError {
  if (name === 'InvalidLogin')
    return new VimError('login', 'The server does not know this user with this password.', { method, fault: name })
  const privilege = detail?.children.find((child) => child.name === 'privilegeId')?.text
  return new VimError('fault', `${method} was refused: ${message === '' ? name : `${message} (${name})`}`, {
    method,
    fault: name,
    ...(privilege !== undefined && { hint: `The user lacks the privilege ${privilege}.` }),
  })
}

/** Tells whether an error says that nobody is logged in any more. */
export function isLoggedOut(error: unknown): boolean {
  return isFault(error, 'NotAuthenticated')
}
