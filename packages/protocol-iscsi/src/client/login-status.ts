import { IscsiError, type IscsiErrorCode } from '../iscsi-error.js'

interface Refusal {
  readonly code: IscsiErrorCode
  readonly meaning: string
  readonly hint?: string
}

/** RFC 7143, 11.13.5: class in the high byte, detail in the low one. */
const refusals: Readonly<Record<number, Refusal>> = {
  512: { code: 'login', meaning: 'it does not say why', hint: "Look into the target's log." },
  513: {
    code: 'auth',
    meaning: 'authentication failed',
    hint: 'Check name and secret of CHAP on both sides, and that the target does not want CHAP where none is set.',
  },
  514: {
    code: 'auth',
    meaning: 'this initiator may not use this target',
    hint: "Add the initiator's name or address to the target's access list.",
  },
  515: { code: 'unknown-target', meaning: 'it has no such target', hint: 'List its targets with discoverTargets.' },
  516: { code: 'unknown-target', meaning: 'the target was removed', hint: 'List its targets with discoverTargets.' },
  517: { code: 'login', meaning: 'it speaks another version of iSCSI' },
  518: { code: 'login', meaning: 'there are too many connections', hint: 'End other sessions of this initiator.' },
  519: { code: 'login', meaning: 'a parameter is missing' },
  520: { code: 'login', meaning: 'the connection cannot be part of this session' },
  521: { code: 'login', meaning: 'it has no sessions of this type' },
  522: { code: 'login', meaning: 'the session does not exist' },
  523: { code: 'login', meaning: 'the request has no place in a login' },
  768: { code: 'login', meaning: 'it has an error of its own', hint: "Look into the target's log." },
  769: { code: 'login', meaning: 'the service is not available', hint: 'Try again later.' },
  770: { code: 'login', meaning: 'it is out of resources', hint: 'End other sessions, or try again later.' },
}

/** Makes the error of a login that was refused. */
export function refusedLogin(status: number): IscsiError {
  const byClass = refusals[status & 0xff00]
  const { code, meaning, hint } = refusals[status] ?? byClass ?? { code: 'protocol', meaning: 'for an unknown reason' }
  const number = status.toString(16).padStart(4, '0')
  return new IscsiError(code, `The target refuses the login: ${meaning} (0x${number}).`, { loginStatus: status, hint })
}
