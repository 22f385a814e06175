const unitNames = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const

/** Writes a size in IEC units with three digits at most: `512 B`, `1.5 KiB`, `120 MiB`. */
export function formatBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 999.5 && unit < unitNames.length - 1) {
    value /= 1024
    unit++
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2
  return `${trimmed(value.toFixed(digits))} ${unitNames[unit]}`
}

/** Writes a rate: `210 MiB/s`. */
export function formatRate(bytesPerSecond: number): string {
  return `${formatBytes(bytesPerSecond)}/s`
}

/** Writes a time span: `350 ms`, `4.2 s`, `2m 05s`, `3h 07m`. */
export function formatDuration(ms: number): string {
  if (ms < 999.5) return `${Math.round(ms)} ms`
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`
  const seconds = Math.round(ms / 1000)
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m ${two(seconds % 60)}s`
  const minutes = Math.round(seconds / 60)
  return `${Math.floor(minutes / 60)}h ${two(minutes % 60)}m`
}

/** Writes an ISO 8601 time for people, still in UTC: `2026-11-22 17:04:55Z`. */
export function formatTime(iso: string): string {
  return iso.replace('T', ' ').replace(/\.\d+Z$/, 'Z')
}

/** Writes a count with its noun: `1 machine`, `2 machines`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

function trimmed(number: string): string {
  return number.includes('.') ? number.replace(/\.?0+$/, '') : number
}

function two(number: number): string {
  return String(number).padStart(2, '0')
}
