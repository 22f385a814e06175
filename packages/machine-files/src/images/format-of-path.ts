import { extname } from 'node:path'
import type { ImageFormat } from '@holdfast/formats'

const endings: Readonly<Record<string, ImageFormat>> = {
  '.raw': 'raw',
  '.img': 'raw',
  '.bin': 'raw',
  '.vmdk': 'vmdk',
  '.vhd': 'vhd',
  '.avhd': 'vhd',
  '.vpc': 'vhd',
  '.vhdx': 'vhdx',
  '.avhdx': 'vhdx',
  '.qcow2': 'qcow2',
  '.qcow': 'qcow2',
}

/** Tells the format that a file's name promises; `undefined` when it promises none. */
export function formatOfPath(path: string): ImageFormat | undefined {
  return endings[extname(path).toLowerCase()]
}
