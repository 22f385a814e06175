import type { CallOptions, Clock } from '../contract/context.js'
import { BackupError, isBackupError } from '../contract/errors.js'
import type { TransformPlugin } from '../contract/transform.js'
import type { ObjectKey } from '../model/ids.js'
import { toHex } from './bytes.js'
import { defaultCutting } from './chunk-cutter.js'
import { type ChunkHash, type ChunkIdentity, chunkHasher, preferredChunkHash } from './chunk-id.js'
import { encodeDescription, formatVersion, type RepositoryDescription, readDescription } from './description.js'
import type { EnvelopeContext } from './envelope.js'
import type { DeriveKey } from './key-derivation.js'
import {
  createKeys,
  type KeyGeneration,
  type KeyObjectFile,
  openKeys,
  parseKeyObject,
  type RepositoryKeys,
} from './key-object.js'
import { descriptionKeys, keyObjectKeys, objectPrefixes, readmeKey, restoreScriptKey } from './layout.js'
import { readObject } from './object-reader.js'
import type { ObjectStore } from './object-store.js'
import { type PointStore, pointStore } from './point-store.js'
import { readmeText } from './readme-text.js'

/** An open repository: its description, keys and small objects. The index is loaded apart, where it is needed. */
export interface Repository {
  readonly store: ObjectStore
  readonly description: RepositoryDescription
  readonly keys: RepositoryKeys | undefined
  readonly identity: ChunkIdentity
  readonly envelope: EnvelopeContext
  readonly points: PointStore
  /** Transforms at hand for decoding. */
  readonly transforms: readonly TransformPlugin[]
  readonly clock: Clock
}

/** What opening a repository needs beside its target. */
export interface RepositoryAccess {
  /** Tried in order on an encrypted repository. */
  readonly passphrases: readonly string[]
  readonly transforms: readonly TransformPlugin[]
  readonly clock: Clock
  readonly randomBytes: (sizeBytes: number) => Uint8Array
  /** @defaultValue the key is derived here and now */
  readonly deriveKey?: DeriveKey
  /** Called once a passphrase is being derived, which leaves all processors but one idle for a while. */
  readonly onDeriving?: () => void
}

/** How to make a repository. */
export interface InitOptions extends CallOptions {
  /** Makes chunk ids for the life of the repository. @defaultValue `'blake3'`, or `'sha-256'` where that cannot be computed */
  readonly chunkHash?: ChunkHash | undefined
}

/**
 * Makes a repository on an empty target: encrypted when a passphrase is given.
 *
 * The description is written last and exclusively, so that of two racing calls one fails and no half repository is seen.
 * @throws BackupError `E_REPOSITORY_EXISTS`, `E_UNSUPPORTED` for a hash that cannot be computed here
 */
export async function initRepository(
  store: ObjectStore,
  access: RepositoryAccess,
  restoreScript: Uint8Array | undefined,
  options: InitOptions,
): Promise<Repository> {
  for (const key of descriptionKeys) {
    if ((await store.stat(key, options)) !== undefined) throw alreadyThere()
  }
  const chunkHash = options.chunkHash ?? preferredChunkHash()
  // Refuses what this machine cannot compute before anything is written.
  chunkHasher({ hash: chunkHash, idKey: undefined })
  const [passphrase] = access.passphrases
  const id = toHex(access.randomBytes(16))
  const now = access.clock.now()
  const description: RepositoryDescription = {
    format: 'holdfast-repository',
    version: formatVersion,
    id,
    createdAt: now.toISOString(),
    encrypted: passphrase !== undefined,
    chunkHash,
    cutting: defaultCutting,
  }
  if (passphrase !== undefined) {
    const made = await createKeys(passphrase, 'first', { repositoryId: id, now, randomBytes: access.randomBytes })
    await storeKeyGeneration(store, made, options)
  }
  await putIfAbsent(store, readmeKey, readmeText(description), options)
  if (restoreScript !== undefined) await putIfAbsent(store, restoreScriptKey, restoreScript, options)
  const bytes = encodeDescription(description)
  try {
    await store.put(descriptionKeys[0], [bytes], options)
  } catch (error) {
    if (isBackupError(error) && error.code === 'E_OBJECT_EXISTS') throw alreadyThere(error)
    throw error
  }
  await store.put(descriptionKeys[1], [bytes], options)
  await store.sync(options)
  return openRepository(store, access, options)
}

/**
 * Opens a repository.
 *
 * @throws BackupError `E_REPOSITORY_NOT_FOUND`, `E_REPOSITORY_VERSION`, `E_KEY_MISSING`, `E_KEY_WRONG`, `E_DAMAGED`
 */
export async function openRepository(
  store: ObjectStore,
  access: RepositoryAccess,
  options: CallOptions,
): Promise<Repository> {
  const description = await readDescription(store, options)
  const keys = description.encrypted ? await unlock(store, description, access, options) : undefined
  const envelope: EnvelopeContext = {
    repositoryId: description.id,
    keyring: keys?.keyring,
    randomBytes: access.randomBytes,
  }
  return {
    store,
    description,
    keys,
    identity: { hash: description.chunkHash, idKey: keys?.idKey },
    envelope,
    points: pointStore(store, envelope, keys?.idKey),
    transforms: access.transforms,
    clock: access.clock,
  }
}

/** Stores a key object, its twin first: killed in between, what is there is known to be unfinished. */
export async function storeKeyGeneration(store: ObjectStore, made: KeyGeneration, options: CallOptions): Promise<void> {
  for (const key of [...keyObjectKeys(made.id)].reverse()) await store.put(key, [made.bytes], options)
  await store.sync(options)
}

/** Removes the key objects that a newer generation replaces, their twins last. */
export async function retireKeyObjects(
  store: ObjectStore,
  ids: readonly string[],
  options: CallOptions,
): Promise<void> {
  for (const id of ids) for (const key of keyObjectKeys(id)) await store.remove(key, options)
}

/** Lists the ids of key objects, and tells which have both copies. */
export async function listKeyObjects(
  store: ObjectStore,
  options: CallOptions,
): Promise<{ readonly ids: readonly string[]; readonly isWhole: (id: string) => boolean }> {
  const keys = new Set((await store.list(objectPrefixes.keys, options)).map((info) => info.key))
  const ids = [...new Set([...keys].map((key) => key.slice(objectPrefixes.keys.length).replace(/-copy$/, '')))]
  return { ids, isWhole: (id) => keyObjectKeys(id).every((key) => keys.has(key)) }
}

/** Reads all key objects, each from its twin when damaged. */
export async function readKeyObjects(
  store: ObjectStore,
  repositoryId: string,
  options: CallOptions,
): Promise<readonly KeyObjectFile[]> {
  const files = new Map<string, KeyObjectFile>()
  let damage: unknown
  for (const { key } of await store.list(objectPrefixes.keys, options)) {
    try {
      const file = await readKeyObject(store, key, repositoryId, options)
      files.set(file.id, file)
    } catch (error) {
      options.signal.throwIfAborted()
      damage = error
    }
  }
  if (files.size > 0) return [...files.values()]
  if (damage !== undefined) throw damage
  throw new BackupError('E_DAMAGED', 'The repository is encrypted, but holds no key object.', {
    context: { object: objectPrefixes.keys },
    hint: 'Put keys/ back from another copy of this target; without it nothing can be read.',
  })
}

/** Reads and checks one key object. */
export async function readKeyObject(
  store: ObjectStore,
  key: ObjectKey,
  repositoryId: string,
  options: CallOptions,
): Promise<KeyObjectFile> {
  const file = parseKeyObject(key, await readObject(store, key, 2 ** 20, options), repositoryId)
  if (!keyObjectKeys(file.id).includes(key)) {
    throw new BackupError('E_DAMAGED', `${key} is damaged: it is key object ${file.id}.`, { context: { object: key } })
  }
  return file
}

async function unlock(
  store: ObjectStore,
  description: RepositoryDescription,
  { passphrases, deriveKey, onDeriving }: RepositoryAccess,
  options: CallOptions,
): Promise<RepositoryKeys> {
  if (passphrases.length === 0) {
    throw new BackupError('E_KEY_MISSING', 'The repository is encrypted and no passphrase was given.', {
      hint: 'Name a keyed transform with its passphrase reference in a pipeline of this target.',
    })
  }
  const { isWhole } = await listKeyObjects(store, options)
  const opening = openKeys(await readKeyObjects(store, description.id, options), passphrases, isWhole, deriveKey)
  onDeriving?.()
  return opening
}

async function putIfAbsent(store: ObjectStore, key: ObjectKey, bytes: Uint8Array, options: CallOptions): Promise<void> {
  if ((await store.stat(key, options)) === undefined) await store.put(key, [bytes], options)
}

function alreadyThere(cause?: unknown): BackupError {
  return new BackupError('E_REPOSITORY_EXISTS', 'The target already holds a repository.', {
    hint: 'It can be used as it is; nothing was changed.',
    cause,
  })
}
