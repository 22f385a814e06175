import { broken } from '../iscsi-error.js'
import { noTag } from '../wire/constants.js'
import { createTextGatherer, decodeKeys, encodeKeys, type TextKey } from '../wire/text-keys.js'
import { boundsOf, type IscsiPortalOptions, openSession, randomIsid } from './connect-iscsi.js'
import type { IscsiCallOptions } from './iscsi-session.js'
import type { CallBounds } from './open-connection.js'
import { addressFromText, type IscsiAddress } from './portal-address.js'
import type { Session } from './session.js'

/** A target that a portal tells of. */
export interface DiscoveredTarget {
  readonly name: string
  /** Where it can be reached; the portal that was asked, when it does not say. */
  readonly addresses: readonly (IscsiAddress & { readonly group?: number })[]
}

const usualTimeoutMs = 30_000
/** More answers to one question than that nobody needs. */
const maxAnswers = 4096

/**
 * Asks a portal for its targets. RFC 7143, 4.3, and appendix C.
 *
 * @throws IscsiError as `connectIscsi`
 */
export async function discoverTargets(
  portal: IscsiPortalOptions,
  call: IscsiCallOptions = {},
): Promise<readonly DiscoveredTarget[]> {
  const bounds = boundsOf(call, usualTimeoutMs)
  const { session, address } = await openSession(portal, undefined, randomIsid(), call)
  try {
    return targetsOf(await sendTargets(session, bounds), address)
  } finally {
    await session.close(undefined)
  }
}

async function sendTargets(session: Session, bounds: CallBounds): Promise<readonly TextKey[]> {
  const gatherer = createTextGatherer()
  let question = encodeKeys([['SendTargets', 'All']])
  let transferTag = noTag
  for (let answers = 0; answers < maxAnswers; answers++) {
    const { pdu, data } = await session.text(transferTag, question, bounds)
    if (pdu.kind !== 'text-response') throw broken('The answer to a text is none.')
    gatherer.add(data)
    if (pdu.isFinal) {
      if (pdu.continues) throw broken('A text ends and goes on.')
      return decodeKeys(gatherer.finish())
    }
    if (pdu.transferTag === noTag) throw broken('A text goes on, and does not say under which tag.')
    transferTag = pdu.transferTag
    question = new Uint8Array(0)
  }
  throw broken('A text does not come to an end.')
}

function targetsOf(keys: readonly TextKey[], portal: IscsiAddress): readonly DiscoveredTarget[] {
  const targets: { name: string; addresses: IscsiAddress[] }[] = []
  for (const [key, value] of keys) {
    if (key === 'TargetName') targets.push({ name: value, addresses: [] })
    else if (key === 'TargetAddress') {
      const address = addressFromText(value)
      const target = targets.at(-1)
      if (address === undefined || target === undefined) throw broken('The list of targets cannot be understood.')
      target.addresses.push(address)
    }
  }
  return targets.map(({ name, addresses }) => ({ name, addresses: addresses.length === 0 ? [portal] : addresses }))
}
