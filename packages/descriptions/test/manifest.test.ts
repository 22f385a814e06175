import { describe, expect, it } from 'vitest'
import { type ManifestEntry, parseManifest, verifyManifest, writeManifest } from '../src/index.js'
import { refusal } from './support/refusal.js'

const sha1 = '0123456789abcdef0123456789abcdef01234567'
const sha256 = 'ab'.repeat(32)
const sha512 = 'cd'.repeat(64)

describe('a manifest', () => {
  it('is read as every product writes it', () => {
    const text = `SHA256(a.ovf)= ${sha256}\r\nSHA1 (b (1).vmdk) = ${sha1.toUpperCase()}\n\nSHA-512(c)=${sha512}`
    expect(parseManifest(text)).toEqual([
      { file: 'a.ovf', algorithm: 'sha256', digest: sha256 },
      { file: 'b (1).vmdk', algorithm: 'sha1', digest: sha1 },
      { file: 'c', algorithm: 'sha512', digest: sha512 },
    ])
  })

  it.each([
    ['text', 'hello'],
    ['another algorithm', `MD5(a)= ${'a'.repeat(32)}`],
    ['a digest that is too short', `SHA256(a)= ${sha1}`],
    ['a digest that is no hex', `SHA1(a)= ${'x'.repeat(40)}`],
    ['no name', `SHA1()= ${sha1}`],
    ['no equals sign', `SHA1(a) ${sha1}`],
    ['a file twice', `SHA1(a)= ${sha1}\nSHA256(a)= ${sha256}`],
  ])('is refused with %s', (_what, text) => {
    const error = refusal(() => parseManifest(`SHA1(first)= ${sha1}\n${text}`))
    expect(error).toMatchObject({ code: 'E_SOURCE_INVALID' })
    expect(error.context['line']).toBeGreaterThan(1)
  })

  it('is written so that it reads back', () => {
    const entries: readonly ManifestEntry[] = [
      { file: 'a b).ovf', algorithm: 'sha1', digest: sha1 },
      { file: 'ü.vmdk', algorithm: 'sha512', digest: sha512 },
    ]
    expect(parseManifest(writeManifest(entries))).toEqual(entries)
    expect(writeManifest([{ file: 'x', algorithm: 'sha256', digest: sha256.toUpperCase() }])).toBe(
      `SHA256(x)= ${sha256}\n`,
    )
  })

  it.each([
    ['a\nb', sha1],
    ['', sha1],
    ['a', 'x'.repeat(40)],
    ['a', sha256],
  ])('refuses to name %j with %s', (file, digest) => {
    expect(refusal(() => writeManifest([{ file, algorithm: 'sha1', digest }])).code).toBe('E_PLACEMENT')
  })

  it('tells of each file how it stands', () => {
    const entry = (file: string, digest = sha256): ManifestEntry => ({ file, algorithm: 'sha256', digest })
    const verdicts = verifyManifest(
      [entry('good'), entry('altered'), entry('missing'), entry('other')],
      [
        entry('good', sha256.toUpperCase()),
        entry('altered', 'ff'.repeat(32)),
        { file: 'other', algorithm: 'sha1', digest: sha1 },
        entry('new'),
      ],
    )
    expect(verdicts).toEqual([
      { file: 'good', state: 'good' },
      { file: 'altered', state: 'altered' },
      { file: 'missing', state: 'missing' },
      { file: 'other', state: 'unchecked' },
      { file: 'new', state: 'unlisted' },
    ])
  })
})
