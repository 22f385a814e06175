import { createHash, timingSafeEqual } from 'node:crypto'

/** Digests of CHAP by the numbers that IANA gives them. RFC 7143, 12.1.3. */
const chapDigests = { md5: 5, sha1: 6, sha256: 7, 'sha3-256': 8 } as const

/** A digest that CHAP may use. */
export type ChapAlgorithm = keyof typeof chapDigests

/** All digests. */
const chapAlgorithms = Object.keys(chapDigests).filter(isChapAlgorithm)

/** A name with its secret. */
export interface ChapIdentity {
  readonly name: string
  readonly secret: string
}

/** Longest challenge. RFC 7143, 12.1.3. */
export const maxChallengeBytes = 1024

/** Tells whether a text names a digest of CHAP. */
export function isChapAlgorithm(name: string): name is ChapAlgorithm {
  return Object.hasOwn(chapDigests, name)
}

/** Writes the list for `CHAP_A`. */
export function algorithmList(algorithms: readonly ChapAlgorithm[]): string {
  return algorithms.map((algorithm) => chapDigests[algorithm]).join(',')
}

/** Finds the digest of a number in `CHAP_A`. */
export function algorithmOf(number: string): ChapAlgorithm | undefined {
  return chapAlgorithms.find((algorithm) => String(chapDigests[algorithm]) === number)
}

/** Computes the response to a challenge. RFC 1994, 4.1. */
export function chapResponse(
  algorithm: ChapAlgorithm,
  { id, secret, challenge }: { readonly id: number; readonly secret: string; readonly challenge: Uint8Array },
): Uint8Array {
  return createHash(algorithm).update(Uint8Array.of(id)).update(secret, 'utf8').update(challenge).digest()
}

/** Compares two responses without telling by the time it takes where they differ. */
export function isSameResponse(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && timingSafeEqual(one, other)
}
