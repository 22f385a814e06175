import { decodeText } from '../decode-text.js'
import type { DescriptionInput } from '../described-machine.js'
import { invalidDescription } from '../errors.js'
import { limits } from '../limits.js'
import { printable } from '../printable.js'
import { decodeVmxValue } from './vmx-text.js'

/** A line that sets a key. */
export interface VmxEntry {
  /** Key as stated. */
  readonly key: string
  readonly value: string
  readonly line: number
}

/** A VMX file: its entries by lower-case key, in the order of the file. */
export interface VmxDictionary {
  /** The decoded file, word for word. */
  readonly text: string
  readonly encoding: string
  /** The encoding is not stated and was guessed from the bytes. */
  readonly isEncodingGuess: boolean
  readonly entries: ReadonlyMap<string, VmxEntry>
  /** Keys that are given again with the same value. */
  readonly repeated: readonly VmxEntry[]
}

const hint = 'A line is KEY = "VALUE", with |22 for a quotation mark in the value.'

/** Parses a VMX file. @throws BackupError `E_SOURCE_INVALID` */
export function parseVmx(input: DescriptionInput): VmxDictionary {
  const { text, encoding, isGuess } = decodeText(input, 'vmx', statedEncoding, 'windows-1252')
  const entries = new Map<string, VmxEntry>()
  const repeated: VmxEntry[] = []
  for (const entry of entriesOf(text, encoding)) {
    const key = entry.key.toLowerCase()
    const earlier = entries.get(key)
    if (earlier === undefined) entries.set(key, entry)
    else if (earlier.value === entry.value) repeated.push(entry)
    else {
      throw invalidDescription(
        'vmx',
        `the key was given another value at line ${earlier.line}`,
        { line: entry.line, element: entry.key },
        'Keep the line that is right: VMware refuses the file as well.',
      )
    }
    if (entries.size + repeated.length > limits.parts) {
      throw invalidDescription('vmx', `it has more than ${limits.parts} lines`, { line: entry.line }, hint)
    }
  }
  if (entries.size === 0) throw invalidDescription('vmx', 'it sets no keys', {}, hint)
  return { text, encoding, isEncodingGuess: isGuess, entries, repeated }
}

function* entriesOf(text: string, encoding: string): Generator<VmxEntry> {
  let number = 0
  for (const { content } of vmxLines(text)) {
    number += 1
    const parts = splitVmxLine(content)
    if (parts === 'no entry') continue
    if (parts === 'wrong') {
      throw invalidDescription('vmx', `'${printable(content.slice(0, 120))}' is no setting`, { line: number }, hint)
    }
    yield { key: parts.key, value: decodeVmxValue(parts.rawValue, encoding), line: number }
  }
}

/** Lines with the line ends they have. */
export function* vmxLines(text: string): Generator<{ readonly content: string; readonly end: string }> {
  let at = 0
  while (at < text.length) {
    const feed = text.indexOf('\n', at)
    const stop = feed < 0 ? text.length : feed
    const isCrLf = stop > at && feed >= 0 && text[stop - 1] === '\r'
    yield { content: text.slice(at, isCrLf ? stop - 1 : stop), end: feed < 0 ? '' : isCrLf ? '\r\n' : '\n' }
    at = stop + 1
  }
}

/** Takes a line apart. By hand, not by a pattern: a line may be megabytes of white space. */
export function splitVmxLine(
  content: string,
): { readonly key: string; readonly rawValue: string } | 'no entry' | 'wrong' {
  const line = content.trim()
  // Workstation for Linux begins files with `#!/usr/bin/vmware`.
  if (line === '' || line.startsWith('#')) return 'no entry'
  const equals = line.indexOf('=')
  const key = line.slice(0, Math.max(equals, 0)).trim()
  if (key === '' || key.length > 512 || /[\s"#]/.test(key)) return 'wrong'
  const rest = line.slice(equals + 1).trim()
  if (!rest.startsWith('"')) return /["\p{Cc}]/u.test(rest) ? 'wrong' : { key, rawValue: rest }
  const close = rest.indexOf('"', 1)
  const after = close < 0 ? 'unclosed' : rest.slice(close + 1).trim()
  return after === '' || after.startsWith('#') ? { key, rawValue: rest.slice(1, close) } : 'wrong'
}

// The line is ASCII whatever the encoding is.
function statedEncoding(head: string): string | undefined {
  return /^\.encoding[ \t]*=[ \t]*"([^"\n]{1,40})"/m.exec(head)?.[1]
}
