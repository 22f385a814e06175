import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import type { SecretReference } from '@holdfast/core'
import { type DeriveKey, deriveKey, type KeyDerivation } from '@holdfast/core/key-derivation'

/**
 * Derives keys while the program still loads: both take long, and neither needs the other's processor.
 *
 * Which keys a command will need stands in a note that the same command left with the same configuration: where the
 * passphrase comes from, and the salts of the key slots. A note holds no secret, and what it says is only ever a head
 * start: a derivation counts when the engine asks for exactly this passphrase, salt and cost.
 */
export interface HeadStart {
  /** Takes over a derivation that was begun, or makes it. */
  readonly deriveKey: DeriveKey
  /** Tells where a secret came from; relative files start at `baseDir`. */
  readonly onSecret: (reference: SecretReference, secret: string, baseDir: string) => void
  /** Leaves the note for the next time. Never fails. */
  readonly leaveNote: () => void
}

/** What a head start needs of the process. */
export interface Surroundings {
  readonly args: readonly string[]
  readonly cwd: () => string
  readonly environment: Readonly<Record<string, string | undefined>>
}

/** A key slot that a command tried, and where the passphrase came from. */
interface TriedSlot {
  readonly from: { readonly env: string } | { readonly file: string }
  readonly derivation: KeyDerivation
}

/** By command; what `init` tried holds for all that have not yet run. */
type Note = Readonly<Record<string, readonly TriedSlot[]>>

/** One thread of Node's four stays free for reading the configuration. */
const maxDerivations = 3

/** New slots cost 32 MiB three times over; a note that asks for much more was not left by us. */
const maxCostBytes = 2 ** 28

const maxSecretBytes = 65_536

/** Begins what the note of the last time says. */
export function beginHeadStart({ args, cwd, environment }: Surroundings): HeadStart {
  const { command, config } = commandOf(args)
  const path = notePath(cwd, config, environment)
  const note = command === '' || path === undefined ? {} : readNote(path)
  const begun = new Map<string, Promise<Uint8Array>>()
  // A repository that is made gets salts of its own.
  const expected = command === 'init' ? [] : (own(note, command) ?? own(note, 'init') ?? [])
  for (const { from, derivation } of expected.slice(0, maxDerivations)) {
    const secret = 'env' in from ? own(environment, from.env) : readSecret(from.file)
    if (secret === undefined || secret === '') continue
    const derived = deriveKey(secret, derivation)
    // Nobody may come to ask for it.
    derived.catch(() => undefined)
    begun.set(nameOf(secret, derivation), derived)
  }
  const origins = new Map<string, TriedSlot['from']>()
  const tried = new Map<string, TriedSlot>()
  return {
    deriveKey: (passphrase, derivation) => {
      const name = nameOf(passphrase, derivation)
      const from = origins.get(passphrase)
      if (from !== undefined) tried.set(name, { from, derivation })
      return begun.get(name) ?? deriveKey(passphrase, derivation)
    },
    onSecret: (reference, secret, baseDir) => {
      if ('env' in reference) origins.set(secret, { env: reference.env })
      if ('file' in reference) origins.set(secret, { file: resolve(baseDir, reference.file) })
    },
    leaveNote: () => {
      if (tried.size === 0 || path === undefined) return
      const latest = { [command]: [...tried.values()] }
      writeNote(path, note, command === 'init' ? latest : { ...note, ...latest })
    },
  }
}

/** The command's first word and its configuration, as far as can be told without understanding the command line. */
function commandOf(args: readonly string[]): { readonly command: string; readonly config: string } {
  let command = ''
  let config = ''
  for (let at = 0; at < args.length; at++) {
    const arg = args[at] ?? ''
    if (arg === '-h' || arg === '--help') return { command: '', config }
    if (arg === '-c' || arg === '--config') config = args[++at] ?? ''
    else if (arg.startsWith('--config=')) config = arg.slice('--config='.length)
    else if (!arg.startsWith('-') && command === '') command = arg
  }
  return { command, config }
}

/** What a record holds itself: words of a command line may be called like what every object inherits. */
function own<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined
}

function nameOf(passphrase: string, { N, r, p, salt }: KeyDerivation): string {
  return JSON.stringify([passphrase, N, r, p, salt])
}

/** Where the note of a configuration stands; nowhere for a user without a home, or in a folder that is gone. */
function notePath(
  cwd: () => string,
  config: string,
  { XDG_CACHE_HOME: cache }: Surroundings['environment'],
): string | undefined {
  try {
    const folder = cache === undefined || cache === '' ? join(homedir(), '.cache') : cache
    const name = createHash('sha256')
      .update(JSON.stringify([cwd(), config]))
      .digest('hex')
      .slice(0, 32)
    return join(folder, 'holdfast', 'head-start', `${name}.json`)
  } catch {
    return undefined
  }
}

function readNote(path: string): Note {
  try {
    const note: unknown = JSON.parse(readSmallFile(path))
    return isNote(note) ? note : {}
  } catch {
    // The first time, and whatever else: it only takes longer.
    return {}
  }
}

function isNote(value: unknown): value is Note {
  return (
    typeof value === 'object' &&
    value !== null &&
    Object.values(value).every((slots) => Array.isArray(slots) && slots.every(isTriedSlot))
  )
}

function isTriedSlot(value: unknown): value is TriedSlot {
  const { from, derivation } = (value ?? {}) as Partial<{ from: Partial<Record<string, unknown>>; derivation: unknown }>
  const { name, N, r, p, salt } = (derivation ?? {}) as Partial<KeyDerivation>
  const cost = [N, r, p].every((number) => Number.isSafeInteger(number) && Number(number) > 0)
    ? 128 * Number(N) * Number(r) * Number(p)
    : Number.POSITIVE_INFINITY
  const hasOrigin = typeof from?.['env'] === 'string' || typeof from?.['file'] === 'string'
  return hasOrigin && name === 'scrypt' && typeof salt === 'string' && cost <= maxCostBytes
}

function writeNote(path: string, before: Note, note: Note): void {
  const text = JSON.stringify(note)
  if (text === JSON.stringify(before)) return
  try {
    makeFolder(dirname(path), 3)
    const whole = `${path}.${process.pid}`
    writeFileSync(whole, text, { mode: 0o600 })
    renameSync(whole, path)
  } catch {
    // A home that cannot be written, or none: the next time takes as long as this one.
  }
}

/** Makes a folder and the levels above it that are ours to make; Node's own way never ends where nothing can be made. */
function makeFolder(path: string, levels: number): void {
  if (levels === 0 || existsSync(path)) return
  makeFolder(dirname(path), levels - 1)
  mkdirSync(path, { mode: 0o700 })
}

/** What the config's own reader of secret files will most likely return; when it does not, nothing is lost. */
function readSecret(path: string): string | undefined {
  try {
    return readSmallFile(path).replace(/\r?\n$/, '')
  } catch {
    return undefined
  }
}

/** Nothing but a small regular file: a pipe would be waited for. */
function readSmallFile(path: string): string {
  const status = statSync(path)
  if (!status.isFile() || status.size > maxSecretBytes) throw new RangeError(`${path} is no small file`)
  return readFileSync(path, 'utf8')
}
