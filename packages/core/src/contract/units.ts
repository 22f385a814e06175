import { BackupError } from './errors.js'

const durationUnits: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
}
const sizeUnits: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
}

/** Parses `500ms`, `30s`, `5m`, `2h`, `7d`, `1w` into milliseconds. @throws BackupError `E_CONFIG` */
export function parseDurationMs(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]+)$/i.exec(text.trim())
  const unit = durationUnits[match?.[2]?.toLowerCase() ?? '?']
  if (match === null || unit === undefined) {
    throw new BackupError('E_CONFIG', `'${text}' is not a duration.`, {
      hint: 'Write a number and a unit: 500ms, 30s, 5m, 2h, 7d, 1w.',
    })
  }
  return checkedProduct(text, Number(match[1]), unit)
}

/** Parses `4096`, `64KiB`, `1.5GB` into bytes. @throws BackupError `E_CONFIG` */
export function parseSizeBytes(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text.trim())
  const unit = sizeUnits[match?.[2]?.toLowerCase() ?? '?']
  if (match === null || unit === undefined) {
    throw new BackupError('E_CONFIG', `'${text}' is not a size.`, {
      hint: 'Write a number and a unit: 64KiB, 100MB, 2TiB.',
    })
  }
  return checkedProduct(text, Number(match[1]), unit)
}

function checkedProduct(text: string, value: number, unit: number): number {
  const product = Math.round(value * unit)
  if (!Number.isSafeInteger(product)) throw new BackupError('E_CONFIG', `'${text}' is too large.`)
  return product
}
