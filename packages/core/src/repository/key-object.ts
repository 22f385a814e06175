import { Buffer } from 'node:buffer'
import { createCipheriv, createDecipheriv, createHash } from 'node:crypto'
import { BackupError, isBackupError } from '../contract/errors.js'
import { damaged } from './damage.js'
import { type DataKey, type DataKeyring, dataKeyring } from './data-key.js'
import { type DeriveKey, deriveKey } from './key-derivation.js'
import {
  areSlotsSane,
  type CreatedSlot,
  createSlot,
  type KeySlot,
  unwrapFromSlot,
  type WrappedKey,
  wrapToSlot,
} from './key-slot.js'

/** What a `keys/<id>` object holds; all of it readable but `bundle`. Spec: "Keys". */
export interface KeyObjectFile {
  readonly format: 1
  readonly repository: string
  readonly id: string
  readonly generation: number
  readonly createdAt: string
  readonly slots: readonly KeySlot[]
  readonly wraps: readonly WrappedKey[]
  /** Base64 AES-256-GCM of {@link KeyBundle} under the master key, bound to everything above. */
  readonly bundle: string
  readonly digest: string
}

/** The secrets that a key object protects; base64 fields. */
interface KeyBundle {
  readonly idKey: string
  readonly dataKeys: readonly { readonly id: string; readonly key: string }[]
  readonly current: string
  /** What wrapping for each slot takes beside its public key. */
  readonly slotSecrets: readonly { readonly slot: string; readonly secret: string }[]
}

/** The opened keys of a repository. */
export interface RepositoryKeys {
  /** Keys chunk ids for the life of the repository. */
  readonly idKey: Buffer
  readonly keyring: DataKeyring
  readonly dataKeys: readonly DataKey[]
  readonly slots: readonly KeySlot[]
  /** By slot id. */
  readonly slotSecrets: ReadonlyMap<string, Buffer>
  readonly generation: number
  /** Slots of older generations that a killed change left behind, and that the newest no longer has. */
  readonly lingeringSlots: readonly KeySlot[]
  /** Key objects that a next generation replaces. */
  readonly objectIds: readonly string[]
}

/** What randomness and time the making of keys needs. */
export interface KeyMaking {
  readonly repositoryId: string
  readonly now: Date
  readonly randomBytes: (sizeBytes: number) => Uint8Array
}

/** A key object ready to be stored, and the keys as they are from then on. */
export interface KeyGeneration {
  readonly id: string
  readonly bytes: Buffer
  readonly keys: RepositoryKeys
}

/** Makes the keys of a new repository, opened by one passphrase. */
export async function createKeys(passphrase: string, label: string, making: KeyMaking): Promise<KeyGeneration> {
  const made = await createSlot(passphrase, label, making.now, making.randomBytes)
  const dataKey = newDataKey(making)
  return generation([made], Buffer.from(making.randomBytes(32)), [dataKey], dataKey, 1, making)
}

/** Adds a slot; data keys stay. */
export async function addSlot(
  keys: RepositoryKeys,
  passphrase: string,
  label: string,
  making: KeyMaking,
): Promise<KeyGeneration> {
  const made = await createSlot(passphrase, label, making.now, making.randomBytes)
  return generation(
    [...withSecrets(keys, keys.slots), made],
    keys.idKey,
    keys.dataKeys,
    keys.keyring.current,
    keys.generation + 1,
    making,
  )
}

/** Makes a new data key for all data to come; old ones stay readable. */
export function rotateDataKey(keys: RepositoryKeys, making: KeyMaking): KeyGeneration {
  const dataKey = newDataKey(making)
  return generation(
    withSecrets(keys, keys.slots),
    keys.idKey,
    [...keys.dataKeys, dataKey],
    dataKey,
    keys.generation + 1,
    making,
  )
}

/** Removes a slot and rotates, so that its passphrase opens nothing that is written from now on. */
export function revokeSlot(keys: RepositoryKeys, slotId: string, making: KeyMaking): KeyGeneration {
  const isMeant = (slot: KeySlot) => slot.id === slotId || slot.label === slotId
  const matches = keys.slots.filter(isMeant)
  // Revoked before by a call that was killed: the newest generation is without it, only the old objects have to go.
  if (matches.length === 0 && keys.lingeringSlots.some(isMeant)) return rotateDataKey(keys, making)
  const known = keys.slots.map((slot) => `${slot.id} (${slot.label})`).join(', ')
  if (matches.length !== 1) {
    throw new BackupError(
      'E_USAGE',
      `${matches.length === 0 ? 'No' : 'More than one'} key slot is called '${slotId}'.`,
      { hint: `Slots: ${known}.` },
    )
  }
  if (keys.slots.length === 1) {
    throw new BackupError(
      'E_USAGE',
      'The only key slot cannot be revoked: nobody could read the repository any more.',
      {
        hint: "Add another passphrase first with 'holdfast key add'.",
      },
    )
  }
  const dataKey = newDataKey(making)
  const slots = keys.slots.filter((slot) => slot !== matches[0])
  return generation(
    withSecrets(keys, slots),
    keys.idKey,
    [...keys.dataKeys, dataKey],
    dataKey,
    keys.generation + 1,
    making,
  )
}

/** Writes a key object as it is stored. */
export function encodeKeyObject(file: KeyObjectFile): Buffer {
  return Buffer.from(`${JSON.stringify(file, undefined, 1)}\n`)
}

/** Parses a key object without opening it. @throws BackupError `E_DAMAGED` */
export function parseKeyObject(name: string, bytes: Buffer, repositoryId: string): KeyObjectFile {
  let parsed: KeyObjectFile
  try {
    parsed = JSON.parse(bytes.toString('utf8')) as KeyObjectFile
  } catch (error) {
    throw damaged(name, 'it is not JSON', error)
  }
  if (typeof parsed !== 'object' || parsed === null || parsed.format !== 1)
    throw damaged(name, 'it is no key object of format 1')
  const { digest, ...rest } = parsed
  if (digest !== digestOf(rest)) throw damaged(name, 'its digest does not fit its content')
  const isShaped =
    typeof parsed.id === 'string' && typeof parsed.bundle === 'string' && Number.isSafeInteger(parsed.generation)
  if (!isShaped || !areSlotsSane(parsed.slots, parsed.wraps)) throw damaged(name, 'what it says makes no sense')
  if (parsed.repository !== repositoryId) throw damaged(name, 'it belongs to another repository')
  return parsed
}

/** Opens the newest keys that one of the passphrases unlocks. @throws BackupError `E_KEY_WRONG` */
export async function openKeys(
  files: readonly KeyObjectFile[],
  passphrases: readonly string[],
  isWhole: (id: string) => boolean = () => true,
  derive: DeriveKey = deriveKey,
): Promise<RepositoryKeys> {
  const opened: { readonly file: KeyObjectFile; readonly bundle: KeyBundle }[] = []
  let damage: { readonly error: unknown } | undefined
  for (const file of [...files].sort((a, b) => b.generation - a.generation)) {
    try {
      const master = await findMaster(file, passphrases, derive)
      if (master !== undefined) opened.push({ file, bundle: openBundle(file, master) })
    } catch (error) {
      if (!isBackupError(error) || error.code !== 'E_DAMAGED') throw error
      damage ??= { error }
    }
  }
  // What lacks a copy may have been cut short: nothing new is to hang on the one that is left.
  const newest = opened.find(({ file }) => isWhole(file.id)) ?? opened[0]
  if (newest === undefined) {
    if (damage !== undefined) throw damage.error
    throw new BackupError('E_KEY_WRONG', 'The passphrase opens none of the key slots of this repository.', {
      hint: 'Check the passphrase reference of the keyed transform; a revoked passphrase no longer opens anything.',
    })
  }
  const dataKeys = new Map<string, DataKey>()
  for (const { bundle } of opened) {
    for (const { id, key } of bundle.dataKeys)
      dataKeys.set(id, { id: Buffer.from(id, 'base64'), bytes: Buffer.from(key, 'base64') })
  }
  const current = dataKeys.get(newest.bundle.current)
  if (current === undefined) throw damaged(`keys/${newest.file.id}`, 'it does not hold its current data key')
  const all = [...dataKeys.values()]
  return {
    idKey: Buffer.from(newest.bundle.idKey, 'base64'),
    keyring: dataKeyring(current, all),
    dataKeys: all,
    slots: newest.file.slots,
    slotSecrets: new Map(newest.bundle.slotSecrets.map(({ slot, secret }) => [slot, Buffer.from(secret, 'base64')])),
    lingeringSlots: opened
      .flatMap(({ file }) => file.slots)
      .filter((slot) => !newest.file.slots.some((current) => current.id === slot.id)),
    generation: Math.max(...opened.map(({ file }) => file.generation)),
    objectIds: opened.map(({ file }) => file.id),
  }
}

async function findMaster(
  file: KeyObjectFile,
  passphrases: readonly string[],
  derive: DeriveKey,
): Promise<Buffer | undefined> {
  for (const passphrase of passphrases) {
    for (const slot of file.slots) {
      const wrapped = file.wraps.find((wrap) => wrap.slot === slot.id)
      if (wrapped === undefined) continue
      const master = await unwrapped(file, () => unwrapFromSlot(slot, wrapped, passphrase, derive))
      if (master !== undefined) return master
    }
  }
  return undefined
}

async function unwrapped<T>(file: KeyObjectFile, unwrap: () => Promise<T>): Promise<T> {
  try {
    return await unwrap()
  } catch (error) {
    throw damaged(`keys/${file.id}`, 'its wrapped master key cannot be opened', error)
  }
}

function withSecrets(keys: RepositoryKeys, slots: readonly KeySlot[]): readonly CreatedSlot[] {
  return slots.map((slot) => {
    const secret = keys.slotSecrets.get(slot.id)
    if (secret === undefined)
      throw damaged(`keys/${keys.objectIds[0]}`, `it does not hold the secret of slot ${slot.id}`)
    return { slot, secret }
  })
}

function generation(
  created: readonly CreatedSlot[],
  idKey: Buffer,
  dataKeys: readonly DataKey[],
  current: DataKey,
  number: number,
  making: KeyMaking,
): KeyGeneration {
  const master = Buffer.from(making.randomBytes(32))
  const id = Buffer.from(making.randomBytes(16)).toString('hex')
  const bundle: KeyBundle = {
    idKey: idKey.toString('base64'),
    dataKeys: dataKeys.map((key) => ({ id: key.id.toString('base64'), key: key.bytes.toString('base64') })),
    current: current.id.toString('base64'),
    slotSecrets: created.map(({ slot, secret }) => ({ slot: slot.id, secret: secret.toString('base64') })),
  }
  const slots = created.map(({ slot }) => slot)
  const head = {
    format: 1,
    repository: making.repositoryId,
    id,
    generation: number,
    createdAt: making.now.toISOString(),
    slots,
    wraps: created.map((each) => wrapToSlot(each, master, making.randomBytes)),
  } as const
  const cipher = createCipheriv('aes-256-gcm', master, Buffer.alloc(12))
  cipher.setAAD(Buffer.from(JSON.stringify(head)))
  const sealed = Buffer.concat([cipher.update(JSON.stringify(bundle)), cipher.final(), cipher.getAuthTag()])
  const body = { ...head, bundle: sealed.toString('base64') }
  const file: KeyObjectFile = { ...body, digest: digestOf(body) }
  const keys: RepositoryKeys = {
    idKey,
    keyring: dataKeyring(current, dataKeys),
    dataKeys,
    slots,
    slotSecrets: new Map(created.map(({ slot, secret }) => [slot.id, secret])),
    generation: number,
    lingeringSlots: [],
    objectIds: [id],
  }
  return { id, bytes: encodeKeyObject(file), keys }
}

function openBundle(file: KeyObjectFile, master: Buffer): KeyBundle {
  const { bundle, digest: _, ...head } = file
  const sealed = Buffer.from(bundle, 'base64')
  const decipher = createDecipheriv('aes-256-gcm', master, Buffer.alloc(12))
  decipher.setAAD(Buffer.from(JSON.stringify(head)))
  decipher.setAuthTag(sealed.subarray(-16))
  try {
    const text = Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()]).toString('utf8')
    return JSON.parse(text) as KeyBundle
  } catch (error) {
    throw damaged(`keys/${file.id}`, 'its secrets do not authenticate', error)
  }
}

function newDataKey(making: KeyMaking): DataKey {
  return { id: Buffer.from(making.randomBytes(8)), bytes: Buffer.from(making.randomBytes(32)) }
}

/** SHA-256 of the JSON text, for damage that happens without malice. */
function digestOf(body: object): string {
  return createHash('sha256').update(JSON.stringify(body)).digest('hex')
}
