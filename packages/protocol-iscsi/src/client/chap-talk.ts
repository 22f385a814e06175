import { broken, IscsiError } from '../iscsi-error.js'
import {
  algorithmList,
  algorithmOf,
  type ChapAlgorithm,
  type ChapIdentity,
  chapResponse,
  isSameResponse,
  maxChallengeBytes,
} from '../wire/chap.js'
import { decodeBinary, encodeBinary, type TextKey } from '../wire/text-keys.js'

/** How the two sides prove who they are. */
export interface ChapOptions extends ChapIdentity {
  /** What the target proves itself with; it must, when this is given. */
  readonly mutual?: ChapIdentity
  /**
   * Digests that are offered, the best first. The target chooses.
   *
   * @defaultValue `['md5']`, which every target has
   */
  readonly algorithms?: readonly ChapAlgorithm[]
}

/** One authentication. RFC 7143, 12.1.3. */
export interface ChapTalk {
  /** The first keys. */
  readonly algorithms: readonly TextKey[]
  /** Answers the target's challenge, and makes one for the target where it must prove itself. @throws IscsiError */
  readonly respond: (keys: ReadonlyMap<string, string>) => readonly TextKey[]
  /** Checks the target's proof. @throws IscsiError `auth` */
  readonly verify: (keys: ReadonlyMap<string, string>) => void
}

const ownChallengeBytes = 32

/** Starts an authentication. */
export function startChap(
  { name, secret, mutual, algorithms = ['md5'] }: ChapOptions,
  randomBytes: (count: number) => Uint8Array,
): ChapTalk {
  const ownChallenge = randomBytes(ownChallengeBytes)
  const ownId = randomBytes(1)[0] ?? 0
  let chosen: ChapAlgorithm | undefined
  let ownResponse: Uint8Array | undefined

  return {
    algorithms: [['CHAP_A', algorithmList(algorithms)]],
    respond: (keys) => {
      chosen = algorithmOf(keys.get('CHAP_A') ?? '')
      if (chosen === undefined || !algorithms.includes(chosen))
        throw broken('The target chose a digest for CHAP that was not on offer.')
      const id = Number(/^(0x[0-9a-f]{1,2}|[0-9]{1,3})$/i.exec(keys.get('CHAP_I') ?? '')?.[0] ?? Number.NaN)
      const challenge = decodeBinary(keys.get('CHAP_C') ?? '')
      if (!(id < 256)) throw broken('The target gives its challenge no number.')
      if (challenge === undefined || challenge.length > maxChallengeBytes)
        throw broken('The target sends no challenge, or one that is too long.')
      ownResponse = chapResponse(chosen, { id, secret, challenge })
      const answer: readonly TextKey[] = [
        ['CHAP_N', name],
        ['CHAP_R', encodeBinary(ownResponse)],
      ]
      if (mutual === undefined) return answer
      return [...answer, ['CHAP_I', String(ownId)], ['CHAP_C', encodeBinary(ownChallenge)]]
    },
    verify: (keys) => {
      if (mutual === undefined) return
      const sent = decodeBinary(keys.get('CHAP_R') ?? '')
      if (sent === undefined || chosen === undefined) throw failed('does not answer the challenge')
      // RFC 7143, 9.2.1: what this side said must not serve as the proof of the other one.
      const challenge = decodeBinary(keys.get('CHAP_C') ?? '')
      const isReflected =
        (ownResponse !== undefined && isSameResponse(sent, ownResponse)) ||
        (challenge !== undefined && isSameResponse(challenge, ownChallenge))
      if (isReflected) throw failed('sends back what was sent to it')
      const expected = chapResponse(chosen, { id: ownId, secret: mutual.secret, challenge: ownChallenge })
      if (!isSameResponse(sent, expected)) throw failed('does not know the secret')
      if (keys.get('CHAP_N') !== mutual.name) throw failed('has another name')
    },
  }
}

function failed(reason: string): IscsiError {
  return new IscsiError('auth', `The target cannot prove who it is: it ${reason}.`, {
    hint: 'Check name and secret of the outgoing user of the target; if they are right, somebody poses as the target.',
  })
}
