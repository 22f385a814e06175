import { Buffer } from 'node:buffer'
import { createCipheriv, createHash, randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import {
  addSlot,
  createKeys,
  type KeyGeneration,
  type KeyMaking,
  type KeyObjectFile,
  openKeys,
  parseKeyObject,
  revokeSlot,
  rotateDataKey,
} from '../src/repository/key-object.js'
import { wrapToSlot } from '../src/repository/key-slot.js'

const making: KeyMaking = { repositoryId: 'ab'.repeat(16), now: new Date('2026-11-22T12:00:00Z'), randomBytes }
const fileOf = (made: KeyGeneration): KeyObjectFile =>
  parseKeyObject(`keys/${made.id}`, made.bytes, making.repositoryId)

/** Makes what someone can make who reads and writes the target, but knows no passphrase. */
function forge(real: KeyObjectFile): KeyObjectFile {
  const master = randomBytes(32)
  const dataKey = { id: randomBytes(8).toString('base64'), key: randomBytes(32).toString('base64') }
  const head = {
    ...real,
    id: randomBytes(16).toString('hex'),
    generation: real.generation + 1,
    wraps: real.slots.map((slot) => wrapToSlot({ slot, secret: Buffer.alloc(32) }, master, randomBytes)),
  }
  const { bundle: _bundle, digest: _digest, ...signed } = head
  const cipher = createCipheriv('aes-256-gcm', master, Buffer.alloc(12))
  cipher.setAAD(Buffer.from(JSON.stringify(signed)))
  const secrets = {
    idKey: randomBytes(32).toString('base64'),
    dataKeys: [dataKey],
    current: dataKey.id,
    slotSecrets: [],
  }
  const sealed = Buffer.concat([cipher.update(JSON.stringify(secrets)), cipher.final(), cipher.getAuthTag()])
  const body = { ...signed, bundle: sealed.toString('base64') }
  return { ...body, digest: createHash('sha256').update(JSON.stringify(body)).digest('hex') }
}

describe('key objects', () => {
  it('never take over keys that someone without a passphrase put beside the real ones', async () => {
    const made = await createKeys('correct horse', 'first', making)
    const real = fileOf(made)
    const forged = forge(real)
    const opened = await openKeys([real, forged], ['correct horse'])
    expect(opened.idKey).toEqual(made.keys.idKey)
    expect(opened.keyring.current.id).toEqual(made.keys.keyring.current.id)
    expect(opened.dataKeys).toHaveLength(1)
  })

  it('keep old data readable after a rotation, and encrypt new data with a new key', async () => {
    const first = await createKeys('one', 'first', making)
    const second = rotateDataKey(first.keys, making)
    const opened = await openKeys([fileOf(second)], ['one'])
    expect(opened.keyring.byId(first.keys.keyring.current.id)?.bytes).toEqual(first.keys.keyring.current.bytes)
    expect(opened.keyring.current.id).not.toEqual(first.keys.keyring.current.id)
  })

  it('open with a second passphrase, and no longer once that is revoked', async () => {
    const first = await createKeys('one', 'first', making)
    const second = await addSlot(first.keys, 'two', 'night shift', making)
    expect((await openKeys([fileOf(second)], ['two'])).idKey).toEqual(first.keys.idKey)
    const third = revokeSlot(second.keys, 'night shift', making)
    await expect(openKeys([fileOf(third)], ['two'])).rejects.toMatchObject({ code: 'E_KEY_WRONG' })
    expect((await openKeys([fileOf(third)], ['one'])).keyring.current.id).not.toEqual(first.keys.keyring.current.id)
  })

  it('refuse to revoke the only slot', async () => {
    const { keys } = await createKeys('one', 'first', making)
    expect(() => revokeSlot(keys, 'first', making)).toThrow(/nobody could read/)
  })
})
