import type { CallOptions } from '../contract/context.js'
import { BackupError } from '../contract/errors.js'
import {
  addSlot,
  type KeyGeneration,
  type RepositoryKeys,
  revokeSlot,
  rotateDataKey,
} from '../repository/key-object.js'
import { type Repository, readKeyObjects, retireKeyObjects, storeKeyGeneration } from '../repository/repository.js'

/** A key slot, without secrets. */
export interface KeySlotInfo {
  readonly id: string
  readonly label: string
  readonly createdAt: string
}

/** The state of a repository's keys, without secrets. */
export interface KeyReport {
  readonly generation: number
  readonly dataKeys: number
  readonly slots: readonly KeySlotInfo[]
}

/** Lists the slots of an encrypted repository. @throws BackupError `E_USAGE` when it has no keys */
export function listKeys(repository: Repository): KeyReport {
  return reportOf(keysOf(repository))
}

/** Lets another passphrase open the repository. */
export function addKey(
  repository: Repository,
  passphrase: string,
  label: string,
  options: CallOptions,
): Promise<KeyReport> {
  return replaceKeys(repository, (keys, making) => addSlot(keys, passphrase, label, making), options)
}

/** Encrypts all data from now on with a new key; everything before stays readable. */
export function rotateKeys(repository: Repository, options: CallOptions): Promise<KeyReport> {
  return replaceKeys(repository, async (keys, making) => rotateDataKey(keys, making), options)
}

/** Takes a passphrase's slot away and rotates: it opens nothing that is written from now on. `slot` is an id or a label. */
export function revokeKey(repository: Repository, slot: string, options: CallOptions): Promise<KeyReport> {
  return replaceKeys(repository, async (keys, making) => revokeSlot(keys, slot, making), options)
}

/** The new key object is stored before the old ones are retired: killed in between, either opens the repository. */
async function replaceKeys(
  repository: Repository,
  make: (keys: RepositoryKeys, making: Parameters<typeof rotateDataKey>[1]) => Promise<KeyGeneration>,
  options: CallOptions,
): Promise<KeyReport> {
  const keys = keysOf(repository)
  const { store, description, envelope, clock } = repository
  const made = await make(keys, { repositoryId: description.id, now: clock.now(), randomBytes: envelope.randomBytes })
  await storeKeyGeneration(store, made, options)
  const rivals = (await readKeyObjects(store, description.id, options)).filter(
    (file) => file.generation >= made.keys.generation && file.id !== made.id && !keys.objectIds.includes(file.id),
  )
  if (rivals.length > 0) {
    // Each of two changes lacks what the other made. Both stay, since a run may have used either's data key by now.
    throw new BackupError(
      'E_USAGE',
      'The keys were changed by another call at the same time; one of the two changes does not hold.',
      {
        hint: "Look at 'holdfast key list' and make the change again.",
      },
    )
  }
  await retireKeyObjects(store, keys.objectIds, options)
  return reportOf(made.keys)
}

function keysOf(repository: Repository): RepositoryKeys {
  if (repository.keys !== undefined) return repository.keys
  throw new BackupError('E_USAGE', 'The repository is not encrypted: it has no keys.', {
    hint: 'Encryption is chosen when a repository is made; make a new one and copy the points.',
  })
}

function reportOf(keys: RepositoryKeys): KeyReport {
  return {
    generation: keys.generation,
    dataKeys: keys.dataKeys.length,
    slots: keys.slots.map(({ id, label, createdAt }) => ({ id, label, createdAt })),
  }
}
