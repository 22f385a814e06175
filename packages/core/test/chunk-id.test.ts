import { Buffer } from 'node:buffer'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { chunkHasher, preferredChunkHash } from '../src/repository/chunk-id.js'
import type { ObjectStore } from '../src/repository/object-store.js'

const idKey = Buffer.from('whats the Elvish word for friend')

/** The input of BLAKE3's official test vectors. */
const pattern = (sizeBytes: number) => Uint8Array.from({ length: sizeBytes }, (_, i) => i % 251)

/** What Debian's `b3sum`, `b3sum --keyed`, `sha256sum` and `openssl dgst -hmac` make of the pattern, by its length. */
const judged = [
  {
    sizeBytes: 0,
    blake3: 'af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262',
    keyedBlake3: '92b2b75604ed3c761f9d6f62392c8a9227ad0ea3f09573e783f1498a4ed60d26',
    sha256: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    hmacSha256: 'ac5cdc92d0353395a93bf097797193a9b0ac5177806c777f945ffd6591d99e49',
  },
  {
    sizeBytes: 1,
    blake3: '2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213',
    keyedBlake3: '6d7878dfff2f485635d39013278ae14f1454b8c0a3a2d34bc1ab38228a80c95b',
    sha256: '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
    hmacSha256: 'cb434951f20e02b4130693e1370767e5bd051014c895229f4507dc6a6fe5bf94',
  },
  {
    sizeBytes: 63,
    blake3: 'e9bc37a594daad83be9470df7f7b3798297c3d834ce80ba85d6e207627b7db7b',
    keyedBlake3: 'bb1eb5d4afa793c1ebdd9fb08def6c36d10096986ae0cfe148cd101170ce37ae',
    sha256: '29af2686fd53374a36b0846694cc342177e428d1647515f078784d69cdb9e488',
    hmacSha256: '7b57ca7c1db291a862cf3bc58970be5ae09c28e161bec0a7b747d2ce01b51349',
  },
  {
    sizeBytes: 64,
    blake3: '4eed7141ea4a5cd4b788606bd23f46e212af9cacebacdc7d1f4c6dc7f2511b98',
    keyedBlake3: 'ba8ced36f327700d213f120b1a207a3b8c04330528586f414d09f2f7d9ccb7e6',
    sha256: 'fdeab9acf3710362bd2658cdc9a29e8f9c757fcf9811603a8c447cd1d9151108',
    hmacSha256: 'bf998a2137909ec02f4457114cfe80659fea73892059084e46af0e73407e8c5f',
  },
  {
    sizeBytes: 65,
    blake3: 'de1e5fa0be70df6d2be8fffd0e99ceaa8eb6e8c93a63f2d8d1c30ecb6b263dee',
    keyedBlake3: 'c0a4edefa2d2accb9277c371ac12fcdbb52988a86edc54f0716e1591b4326e72',
    sha256: '4bfd2c8b6f1eec7a2afeb48b934ee4b2694182027e6d0fc075074f2fabb31781',
    hmacSha256: '83ea4da7dffa86954bde1087f94d2172399eb1235a06458391454529c1565872',
  },
  {
    sizeBytes: 1023,
    blake3: '10108970eeda3eb932baac1428c7a2163b0e924c9a9e25b35bba72b28f70bd11',
    keyedBlake3: 'c951ecdf03288d0fcc96ee3413563d8a6d3589547f2c2fb36d9786470f1b9d6e',
    sha256: '1c5e88a585b61754df6137d66632a7348557a88358afc401b0a0a4fc427104a9',
    hmacSha256: '2d9a080deda809a17c00b3c172b68f86634f575d0a642f819a0cb7b3d15c396a',
  },
  {
    sizeBytes: 1024,
    blake3: '42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7',
    keyedBlake3: '75c46f6f3d9eb4f55ecaaee480db732e6c2105546f1e675003687c31719c7ba4',
    sha256: '2bce1ba628720664be4b9fdd77aae0678e5f0f3f02fc6ff641ec879094f6a404',
    hmacSha256: 'ab7cbc4bcb309d0460543ec50f9f3f90f4e41f68ecfaf4fbfd29a4a7997c03e6',
  },
  {
    sizeBytes: 1025,
    blake3: 'd00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444',
    keyedBlake3: '357dc55de0c7e382c900fd6e320acc04146be01db6a8ce7210b7189bd664ea69',
    sha256: 'bc0b6b10b89b9487a12fda2a8cc13194e7091c217aabf8b92846274026f4bcd0',
    hmacSha256: '8fdb3cd9d8237b2ff5f5318d3bffd007d2ddc2df3eb3138c40680fec2c70f580',
  },
  {
    sizeBytes: 2048,
    blake3: 'e776b6028c7cd22a4d0ba182a8bf62205d2ef576467e838ed6f2529b85fba24a',
    keyedBlake3: '879cf1fa2ea0e79126cb1063617a05b6ad9d0b696d0d757cf053439f60a99dd1',
    sha256: 'b2a8170614e23194ae2951423d601987f518ce2f11205d7b0b708080103b9f76',
    hmacSha256: 'd38cdf85426503c8cc007cad0e0f6a528609f9efb1dc8a4cbc346b6c4c3b04c9',
  },
  {
    sizeBytes: 3072,
    blake3: 'b98cb0ff3623be03326b373de6b9095218513e64f1ee2edd2525c7ad1e5cffd2',
    keyedBlake3: '044a0e7b172a312dc02a4c9a818c036ffa2776368d7f528268d2e6b5df191770',
    sha256: '5f24b2f16026ec7d0450a5a08283d3cfd47302fe859f579ed79fe7d2663b73f9',
    hmacSha256: 'e18559a8d028e06f5171bd2a2a990424a4d94bb25ac6b2bab52e716aad585da7',
  },
  {
    sizeBytes: 4097,
    blake3: '9b4052b38f1c5fc8b1f9ff7ac7b27cd242487b3d890d15c96a1c25b8aa0fb995',
    keyedBlake3: '00df940cd36bb9fa7cbbc3556744e0dbc8191401afe70520ba292ee3ca80abbc',
    sha256: 'a16560d668b843fb3be99ace41dbd18471f342bd3255a1d21204b35e43f74436',
    hmacSha256: 'cd62367a4bfb711f4ac52abd385c12c36e4e6d9db0fc1b9d2a0ff9326af31a22',
  },
  {
    sizeBytes: 102400,
    blake3: 'bc3e3d41a1146b069abffad3c0d44860cf664390afce4d9661f7902e7943e085',
    keyedBlake3: '1c35d1a5811083fd7119f5d5d1ba027b4d01c0c6c49fb6ff2cf75393ea5db4a7',
    sha256: '74588b7f0bcc354ac14d9cf199fa3a20c05f0c7293b9075b2f2e146e718de800',
    hmacSha256: '0779382e5942bc78566362fe8f3dc3a32f7dc8ef207135a9e6b73e85086e32d1',
  },
]

describe.each([
  { hash: 'blake3', key: undefined, judge: 'blake3' },
  { hash: 'blake3', key: idKey, judge: 'keyedBlake3' },
  { hash: 'sha-256', key: undefined, judge: 'sha256' },
  { hash: 'sha-256', key: idKey, judge: 'hmacSha256' },
] as const)('chunk ids by $judge', ({ hash, key, judge }) => {
  const hasher = chunkHasher({ hash, idKey: key })

  test.each(judged)('of $sizeBytes bytes are those of another implementation', ({ sizeBytes, [judge]: wanted }) => {
    expect(hasher(pattern(sizeBytes)).toString('hex')).toBe(wanted)
  })

  test('stay as they were while the same hasher makes others', () => {
    const first = hasher(pattern(4097))
    const kept = Buffer.from(first)
    hasher(pattern(65))
    expect(hasher(pattern(4097))).toEqual(kept)
    expect(first).toEqual(kept)
  })

  test('of shared memory, and of a part of it, are those of a copy', () => {
    const shared = new Uint8Array(new SharedArrayBuffer(5000))
    shared.set(pattern(4097), 77)
    expect(hasher(shared.subarray(77, 77 + 4097))).toEqual(hasher(pattern(4097)))
  })
})

describe('a machine for which the library has no binary', () => {
  const withoutLibrary = async () => {
    const createRequire = () => () => {
      throw new Error('Cannot find native binding.')
    }
    vi.resetModules()
    vi.doMock('node:module', () => ({ createRequire }))
    onTestFinished(() => {
      vi.doUnmock('node:module')
    })
    return import('../src/repository/chunk-id.js')
  }

  test('makes new repositories with SHA-256', async () => {
    expect(preferredChunkHash()).toBe('blake3')
    const alone = await withoutLibrary()
    expect(alone.preferredChunkHash()).toBe('sha-256')
    expect(alone.chunkHasher({ hash: 'sha-256', idKey })(pattern(65))).toHaveLength(32)
  })

  test('says of a repository with BLAKE3 what to install', async () => {
    const alone = await withoutLibrary()
    expect(() => alone.chunkHasher({ hash: 'blake3', idKey })).toThrow(
      expect.objectContaining({
        code: 'E_UNSUPPORTED',
        hint: expect.stringContaining('@napi-rs/blake-hash'),
        cause: expect.objectContaining({ message: 'Cannot find native binding.' }),
      }),
    )
  })

  test('makes no repository with BLAKE3, not even a part of one', async () => {
    await withoutLibrary()
    const { initRepository } = await import('../src/repository/repository.js')
    const put = vi.fn()
    const store: Pick<ObjectStore, 'stat' | 'put'> = { stat: async () => undefined, put }
    const clock = { now: () => new Date(), sleep: async () => {} }
    const access = { passphrases: [], transforms: [], clock, randomBytes: (size: number) => Buffer.alloc(size) }
    const options = { signal: new AbortController().signal, chunkHash: 'blake3' } as const
    const making = initRepository(store as ObjectStore, access, undefined, options)
    await expect(making).rejects.toMatchObject({ code: 'E_UNSUPPORTED' })
    expect(put).not.toHaveBeenCalled()
  })
})
