const names: Readonly<Record<string, number>> = {
  byte: 1,
  bytes: 1,
  kilobytes: 2 ** 10,
  kb: 2 ** 10,
  megabytes: 2 ** 20,
  mb: 2 ** 20,
  gigabytes: 2 ** 30,
  gb: 2 ** 30,
  terabytes: 2 ** 40,
  tb: 2 ** 40,
}

/**
 * Reads a programmatic unit of bytes: `byte * 2^30`, `byte * 1024 * 1024`, `MegaBytes`.
 *
 * @see DMTF DSP0004, annex C
 * @returns the number of bytes, or `undefined` for a unit that does not count bytes
 */
export function bytesPerUnit(units: string): number | undefined {
  if (units.length > 100) return undefined
  const [name = '', ...factors] = units.split('*').map((part) => part.trim().toLowerCase())
  const base = Object.hasOwn(names, name) ? names[name] : undefined
  if (base === undefined) return undefined
  const bytes = factors.reduce((product, factor) => product * factorOf(factor), base)
  return Number.isSafeInteger(bytes) && bytes > 0 ? bytes : undefined
}

function factorOf(text: string): number {
  const match = /^([0-9]{1,15})(?:\s*\^\s*([0-9]{1,2}))?$/.exec(text)
  return match === null ? Number.NaN : Number(match[1]) ** Number(match[2] ?? 1)
}
