import type { HeaderField } from './hostile.js'

/** Hard Disk Footer Format. */
const footerFields = [
  ['cookie', 0, 8],
  ['features', 8, 4],
  ['file format version', 12, 4],
  ['data offset', 16, 8],
  ['time stamp', 24, 4],
  ['creator application', 28, 4],
  ['creator version', 32, 4],
  ['creator host OS', 36, 4],
  ['original size', 40, 8],
  ['current size', 48, 8],
  ['cylinders', 56, 2],
  ['heads', 58, 1],
  ['sectors per track', 59, 1],
  ['disk type', 60, 4],
  ['checksum', 64, 4],
  ['unique id', 68, 8],
  ['saved state', 84, 1],
] as const

/** Dynamic Disk Header Format. */
const headerFields = [
  ['cookie', 0, 8],
  ['data offset', 8, 8],
  ['table offset', 16, 8],
  ['header version', 24, 4],
  ['max table entries', 28, 4],
  ['block size', 32, 4],
  ['checksum', 36, 4],
  ['parent unique id', 40, 8],
  ['parent time stamp', 56, 4],
  ['reserved', 60, 4],
  ['parent unicode name', 64, 8],
  ...Array.from({ length: 8 }, (_, index) => index).flatMap((index) =>
    (
      [
        ['platform code', 0, 4],
        ['platform data space', 4, 4],
        ['platform data length', 8, 4],
        ['reserved', 12, 4],
        ['platform data offset', 16, 8],
      ] as const
    ).map(([name, at, bytes]) => [`parent locator ${index} ${name}`, 576 + 24 * index + at, bytes] as const),
  ),
] as const

/** Every field of a dynamic or differencing disk of the encoder, with the first entries of its table. */
export function vhdFields({ tableAt, footerAt }: { tableAt: number; footerAt: number }): readonly HeaderField[] {
  const at = (where: string, start: number, list: readonly (readonly [string, number, 1 | 2 | 4 | 8])[]) =>
    list.map(
      ([name, offset, bytes]) => ({ name: `${where}: ${name}`, offset: start + offset, bytes, order: 'big' }) as const,
    )
  return [
    ...at('footer', footerAt, footerFields),
    ...at('copy of the footer', 0, footerFields),
    ...at('header', 512, headerFields),
    ...at('table', tableAt, [
      ['entry 0', 0, 4],
      ['entry 1', 4, 4],
      ['entry 5', 20, 4],
    ]),
  ]
}
