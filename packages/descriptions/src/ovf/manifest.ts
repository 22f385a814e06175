import { decodeText } from '../decode-text.js'
import type { DescriptionInput } from '../described-machine.js'
import { cannotDescribe, invalidDescription } from '../errors.js'
import { limits } from '../limits.js'
import { printable } from '../printable.js'

/** Digests that manifests use, as `node:crypto` names them. */
export type ManifestAlgorithm = 'sha1' | 'sha256' | 'sha512'

/** The digest of one file of an OVF package. */
export interface ManifestEntry {
  readonly file: string
  readonly algorithm: ManifestAlgorithm
  /** Lower-case hex. */
  readonly digest: string
}

/** How one file stands to a manifest. */
export interface ManifestVerdict {
  readonly file: string
  /** `unlisted` files are not in the manifest, `missing` ones are only there, `unchecked` have a digest of another algorithm. */
  readonly state: 'good' | 'altered' | 'missing' | 'unlisted' | 'unchecked'
}

const digestLengths: Record<ManifestAlgorithm, number> = { sha1: 40, sha256: 64, sha512: 128 }
const hint = 'A line is SHA256(FILE)= HEX.'

/**
 * Parses a manifest (`.mf`), as DSP0243 and the products write it.
 *
 * It protects from damage only: whoever can alter a file can alter its digest. What would protect from people is the
 * certificate (`.cert`), which this package does not verify.
 *
 * @throws BackupError `E_SOURCE_INVALID`
 */
export function parseManifest(input: DescriptionInput): readonly ManifestEntry[] {
  const { text } = decodeText(input, 'ovf', () => undefined)
  const entries: ManifestEntry[] = []
  const seen = new Set<string>()
  let line = 0
  for (const content of text.split('\n')) {
    line += 1
    if (content.trim() === '') continue
    const entry = entryOf(content.trim())
    if (entry === undefined)
      throw invalidDescription('ovf', 'the manifest has a line that is no digest', { line, element: content }, hint)
    if (seen.has(entry.file))
      throw invalidDescription('ovf', 'the manifest names a file twice', { line, element: entry.file }, hint)
    seen.add(entry.file)
    entries.push(entry)
    if (entries.length > limits.parts) throw invalidDescription('ovf', 'the manifest is too long', { line }, hint)
  }
  return entries
}

// The name may hold anything, brackets included: it ends at the last one.
function entryOf(line: string): ManifestEntry | undefined {
  const open = line.indexOf('(')
  const close = line.lastIndexOf(')')
  if (open < 0 || close <= open + 1) return undefined
  const algorithm = line.slice(0, open).trim().toLowerCase().replace('-', '')
  const rest = line.slice(close + 1).trim()
  const digest = rest.startsWith('=') ? rest.slice(1).trim().toLowerCase() : ''
  if (algorithm !== 'sha1' && algorithm !== 'sha256' && algorithm !== 'sha512') return undefined
  if (digest.length !== digestLengths[algorithm] || !/^[0-9a-f]+$/.test(digest)) return undefined
  return { file: line.slice(open + 1, close), algorithm, digest }
}

/**
 * Compares a manifest with digests that the caller computed.
 *
 * @param computed - one entry a file of the package, by the algorithm that the manifest states for it
 * @returns a verdict for every file of either side, those of the manifest first
 */
export function verifyManifest(
  manifest: readonly ManifestEntry[],
  computed: readonly ManifestEntry[],
): readonly ManifestVerdict[] {
  const found = new Map(computed.map((entry) => [entry.file, entry]))
  const listed = new Set(manifest.map(({ file }) => file))
  const verdicts = manifest.map(({ file, algorithm, digest }): ManifestVerdict => {
    const entry = found.get(file)
    if (entry === undefined) return { file, state: 'missing' }
    if (entry.algorithm !== algorithm) return { file, state: 'unchecked' }
    return { file, state: entry.digest.toLowerCase() === digest.toLowerCase() ? 'good' : 'altered' }
  })
  const unlisted = computed.filter(({ file }) => !listed.has(file))
  return [...verdicts, ...unlisted.map(({ file }): ManifestVerdict => ({ file, state: 'unlisted' }))]
}

/** Writes a manifest; its length depends on names and algorithms only. @throws BackupError `E_PLACEMENT` for a name it cannot hold */
export function writeManifest(entries: readonly ManifestEntry[]): string {
  return entries
    .map(({ file, algorithm, digest }) => {
      if (file === '' || file !== file.toWellFormed() || /\p{Cc}/u.test(file)) {
        throw cannotDescribe('ovf', `a manifest cannot name the file ${printable(file)}`, 'Rename the file.')
      }
      if (digest.length !== digestLengths[algorithm] || !/^[0-9a-f]+$/i.test(digest)) {
        throw cannotDescribe('ovf', `the digest of ${printable(file)} is no ${algorithm}`, 'Give the digest in hex.')
      }
      return `${algorithm.toUpperCase()}(${file})= ${digest.toLowerCase()}\n`
    })
    .join('')
}
