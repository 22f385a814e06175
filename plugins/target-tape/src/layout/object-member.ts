import { memberHead } from '@holdfast/formats/tar'

/** An object as it is to be written. Spec: "Objects". */
export interface ObjectMember {
  readonly key: string
  readonly sizeBytes: number
  /** Hex. */
  readonly sha256: string
  readonly storedAt: Date
  readonly isLookup: boolean
}

const digestRecord = 'HOLDFAST.sha256'
const useRecord = 'HOLDFAST.use'

/** Writes what comes before an object's bytes. Its length depends on key, size and use alone. */
export function objectHead({ key, sizeBytes, sha256, storedAt, isLookup }: ObjectMember): Uint8Array {
  const records = new Map([[digestRecord, sha256], ...(isLookup ? [[useRecord, 'lookup'] as const] : [])])
  return memberHead({ name: key, sizeBytes, modifiedAt: storedAt, mode: 0o444, records })
}

/** What the extended attributes of a member say of it; `undefined` when it is no object. */
export function objectFacts(
  records: ReadonlyMap<string, string>,
): Pick<ObjectMember, 'sha256' | 'isLookup'> | undefined {
  const sha256 = records.get(digestRecord)
  if (sha256 === undefined || !/^[0-9a-f]{64}$/.test(sha256)) return undefined
  return { sha256, isLookup: records.get(useRecord) === 'lookup' }
}
