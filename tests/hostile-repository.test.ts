import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import { secretValue } from '@holdfast/core'
import { copyPoints, engineHost, restorePoint, type WorkerPool, workerPool } from '@holdfast/core/engine'
import { placeInFolder } from '@holdfast/machine-files'
import { memoryTarget } from '@holdfast/testkit/memory'
import { tempFolder } from 'holdfast-lab'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { digested, hostileWriter, innerNode, leafNode, u32 } from './support/hostile.js'
import { key, outcomeOf, refusal, snapshot } from './support/outcome.js'
import { call, chainFor, filledVault, initVault, openVault, passphrase, type Vault } from './support/vault.js'

const { at } = tempFolder(afterAll)
let pool: WorkerPool
beforeAll(() => {
  pool = workerPool(1)
})
afterAll(async () => {
  await pool[Symbol.asyncDispose]()
})

describe('a hostile repository', () => {
  let vault: Vault
  let heal: () => void
  const zero = Buffer.alloc(32)
  beforeAll(async () => {
    vault = await filledVault('plain')
    heal = snapshot(vault.target)
  }, 60_000)

  /** Time and memory stay bounded, what is hostile is named, and what is real still comes back. */
  const survive = async (hostile: string | undefined) => {
    const before = process.memoryUsage().rss
    const startedAt = Date.now()
    const { report, restored } = await outcomeOf(vault.repository, vault.truths, pool)
    expect(Date.now() - startedAt).toBeLessThan(15_000)
    expect(process.memoryUsage().rss - before).toBeLessThan(600 * 2 ** 20)
    if (hostile !== undefined) expect(report.damage.map(({ object }) => object)).toContain(hostile)
    expect([...restored.values()].map(({ how }) => how)).toEqual(['same', 'same', 'same', 'same'])
    return report
  }
  const indexes: Readonly<Record<string, () => Buffer>> = {
    'billions of packs and chunks': () => Buffer.concat([u32(2, 0xffffffff, 0xffffffff), Buffer.from('[]')]),
    'chains longer than itself': () => u32(0xffffffff, 0, 0),
    'chains that are no JSON': () => Buffer.concat([u32(3, 0, 0), Buffer.from('[[[')]),
    'chains of something else': () => Buffer.concat([u32(6, 0, 0), Buffer.from('[null]')]),
    'a million chunks of no pack': () =>
      Buffer.concat([u32(2, 0, 1_000_000), Buffer.from('[]'), Buffer.alloc(52_000_000)]),
    'nothing at all': () => Buffer.alloc(0),
  }
  it.each(Object.entries(indexes))('with an index of %s is survived', async (_, payload) => {
    heal()
    await survive(hostileWriter(vault.target).seal('index/hostile', payload()))
  })

  it('with an index that claims frames of 4 GiB is survived, and the claim allocates nothing', async () => {
    heal()
    const { storeNodes, seal } = hostileWriter(vault.target)
    const [leaf] = storeNodes([leafNode([{ length: 1000, id: zero }])], { frameBytes: 0xffffffff })
    const name = 'points/00000000000000000000000000000000/hostile'
    seal(name, { ...samplePoint(), disks: [{ ...sampleDisk(), sizeBytes: 1000, root: leaf?.toString('hex') }] })
    await survive(undefined)
  })

  const samplePoint = () => ({
    format: 1,
    id: 'hostile',
    runId: 'r',
    pipeline: 'p',
    source: 's',
    machine: { id: 'evil', name: 'evil', disks: [] },
    takenAt: new Date().toISOString(),
    completedAt: new Date().toISOString(),
    consistency: 'crash',
    quiesce: [],
    unavailable: [],
    disks: [] as unknown[],
    sizeBytes: 0,
    readBytes: 0,
    storedBytes: 0,
  })
  const sampleDisk = () => ({
    id: 'sda',
    sizeBytes: 4096,
    root: '0'.repeat(64),
    tracking: { mode: 'full', reason: '' },
    readBytes: 0,
  })
  /** The folder that a machine called evil has: what is under it is read as its points. */
  const evilKey = async () => {
    return `points/${createHash('sha256').update('machine\nevil').digest('hex').slice(0, 32)}/hostile`
  }

  const points: Readonly<Record<string, () => object>> = {
    'sizes beyond 2^53': () => ({ ...samplePoint(), disks: [{ ...sampleDisk(), sizeBytes: 2 ** 60 }] }),
    'a negative size': () => ({ ...samplePoint(), disks: [{ ...sampleDisk(), sizeBytes: -1 }] }),
    'a size of 1e300': () => ({ ...samplePoint(), disks: [{ ...sampleDisk(), sizeBytes: 1e300 }] }),
    'a disk of nothing': () => ({ ...samplePoint(), disks: [null] }),
    'disks that are text': () => ({ ...samplePoint(), disks: 'sda' }),
    'one disk twice': () => ({ ...samplePoint(), disks: [sampleDisk(), sampleDisk()] }),
    'a root that is no id': () => ({ ...samplePoint(), disks: [{ ...sampleDisk(), root: '../../etc' }] }),
    'no machine': () => ({ ...samplePoint(), machine: null }),
    'a time that is none': () => ({ ...samplePoint(), takenAt: 'yesterday' }),
    'the name of another': () => ({ ...samplePoint(), id: '../../other' }),
    'more than a manifest may hold': () => ({
      ...samplePoint(),
      disks: Array.from({ length: 700_000 }, () => sampleDisk()),
    }),
  }
  it.each(Object.entries(points))('with a point of %s is survived', async (_, point) => {
    heal()
    await survive(hostileWriter(vault.target).seal(await evilKey(), point()))
  })

  it('with a point of 200 000 disks is survived', async () => {
    heal()
    const disks = Array.from({ length: 200_000 }, (_, i) => ({ ...sampleDisk(), id: `d${i}` }))
    hostileWriter(vault.target).seal(await evilKey(), { ...samplePoint(), disks })
    await survive(undefined)
  })

  it('with a tree that repeats itself through every level is walked once, not 2^28 times', async () => {
    heal()
    const { storeNodes, seal } = hostileWriter(vault.target)
    const leafSpan = 32 * 2 ** 20
    const leaf = leafNode([{ length: leafSpan, id: zero }])
    let nodes: Buffer[] = [leaf]
    let [top] = storeNodes(nodes)
    for (let level = 1; level <= 3; level++) {
      nodes = [
        innerNode(
          level,
          Array.from({ length: 256 }, () => top ?? zero),
        ),
      ]
      ;[top] = storeNodes(nodes)
    }
    seal(await evilKey(), {
      ...samplePoint(),
      disks: [{ ...sampleDisk(), sizeBytes: leafSpan * 256 ** 3, root: top?.toString('hex') }],
    })
    const report = await survive(undefined)
    expect(report.ok).toBe(true)
  })

  const trees: Readonly<Record<string, readonly [number, Buffer]>> = {
    'a leaf that covers too little': [8192, leafNode([{ length: 4096, id: zero }])],
    'a leaf that covers 4 GiB': [8192, leafNode([{ length: 0xffffffff, id: zero }])],
    'a leaf with half an entry': [8192, Buffer.from([1, 0, 0, 0, 0, 32])],
    'an inner node for a leaf': [8192, innerNode(1, [zero])],
    'an inner node of another level': [2 ** 26, innerNode(7, [zero, zero])],
    'an inner node of too many children': [2 ** 26, innerNode(1, [zero, zero, zero])],
    'a leaf of chunks that are nowhere': [8192, leafNode([{ length: 8192, id: Buffer.alloc(32, 7) }])],
    nothing: [8192, Buffer.alloc(0)],
  }
  it.each(Object.entries(trees))(
    'with a tree of %s is survived, and the point is refused',
    async (_, [sizeBytes, node]) => {
      heal()
      const { storeNodes, seal } = hostileWriter(vault.target)
      const [root] = storeNodes([node])
      seal(await evilKey(), { ...samplePoint(), disks: [{ ...sampleDisk(), sizeBytes, root: root?.toString('hex') }] })
      const report = await survive(undefined)
      expect(report.points.find(({ machine }) => machine === 'evil')?.ok).toBe(false)
      const { entries } = await vault.repository.points.list(call)
      const evil = entries.find(({ point }) => point.machine.name === 'evil')
      if (evil === undefined) throw new Error('the hostile point is not listed')
      const error = await refusal(
        restorePoint(
          vault.repository,
          evil.point,
          (machine, disks) => placeInFolder(at('evil'), machine, disks),
          pool,
          call,
        ),
      )
      expect(error.code).toBe('E_DAMAGED')
      const into = memoryTarget()
      const other = await initVault({ name: 'other', plugin: into }, vault.chain, vault.host)
      expect(
        (await refusal(copyPoints(vault.repository, other, [evil], { ...call, transforms: vault.chain }))).code,
      ).toBe('E_DAMAGED')
    },
  )
})

describe('opening a repository', () => {
  const opened = async (vault: Vault, secret: string | undefined, chain = vault.chain) => {
    const opening = engineHost({ resolveSecret: async () => secretValue(secret ?? '') })
    return openVault({ name: 'vault', plugin: vault.target }, chain, opening)
  }
  let vault: Vault
  let heal: () => void
  beforeAll(async () => {
    vault = await filledVault('encrypted')
    heal = snapshot(vault.target)
  }, 60_000)

  it('with a wrong passphrase says so', async () => {
    heal()
    const error = await refusal(opened(vault, 'wrong'))
    expect(error.code).toBe('E_KEY_WRONG')
    expect(error.hint).toBeTruthy()
  })

  it('without a passphrase asks for one', async () => {
    heal()
    const error = await refusal(opened(vault, undefined, chainFor('plain')))
    expect(error.code).toBe('E_KEY_MISSING')
    expect(error.hint).toBeTruthy()
  })

  it('of a newer format says which', async () => {
    heal()
    const text = JSON.parse(Buffer.from(vault.target.objects.find(key('holdfast.json'))?.bytes ?? []).toString())
    for (const name of ['holdfast.json', 'holdfast-copy.json'])
      vault.target.objects.overwrite(key(name), digested({ ...text, version: 2 }))
    const error = await refusal(opened(vault, passphrase))
    expect(error.code).toBe('E_REPOSITORY_VERSION')
    expect(error.message).toContain('2')
  })

  it.each([
    ['an id that is a path', { id: '../../x' }],
    ['chunks of a terabyte', { cutting: { minBytes: 2 ** 40, maxBytes: 2 ** 41, maskBits: 5 } }],
    ['no cutting', { cutting: null }],
    ['another hash', { chunkHash: 'md5' }],
    ['a version that is text', { version: '1' }],
  ])('whose description has %s is refused', async (_, wrong) => {
    heal()
    const text = JSON.parse(Buffer.from(vault.target.objects.find(key('holdfast.json'))?.bytes ?? []).toString())
    for (const name of ['holdfast.json', 'holdfast-copy.json'])
      vault.target.objects.overwrite(key(name), digested({ ...text, ...wrong }))
    expect((await refusal(opened(vault, passphrase))).code).toBe('E_DAMAGED')
  })

  const kdf = { name: 'scrypt', N: 2 ** 15, r: 8, p: 3, salt: 'AAAAAAAAAAAAAAAAAAAAAA==' }
  it.each([
    ['terabytes of scrypt', { ...kdf, N: 2 ** 40 }],
    ['hours of scrypt', { ...kdf, p: 2 ** 24 }],
    ['a cost of nothing', { ...kdf, N: 0 }],
    ['a cost that is no power of two', { ...kdf, N: 1000 }],
    ['a cost that is text', { ...kdf, N: '32768' }],
    ['no derivation at all', null],
    ['another derivation', { ...kdf, name: 'md5' }],
  ])('whose key slot asks for %s is refused at once', async (_, hostile) => {
    heal()
    for (const kind of ['key', 'key copy'] as const) {
      const [name] = vault.victims[kind]
      const text = JSON.parse(Buffer.from(vault.target.objects.find(key(name))?.bytes ?? []).toString())
      const slots = text.slots.map((slot: object) => ({ ...slot, kdf: hostile }))
      vault.target.objects.overwrite(key(name), digested({ ...text, slots }))
    }
    const startedAt = Date.now()
    expect((await refusal(opened(vault, passphrase))).code).toBe('E_DAMAGED')
    expect(Date.now() - startedAt).toBeLessThan(3000)
  })

  it('on a target that holds none says so', async () => {
    const place = { name: 'vault', plugin: memoryTarget() }
    expect((await refusal(openVault(place, vault.chain, vault.host))).code).toBe('E_REPOSITORY_NOT_FOUND')
  })
})
