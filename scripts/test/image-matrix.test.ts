import { expect, test } from 'vitest'
import { imageMatrix } from '../lib/image-matrix.mjs'

test('cells become a table with numbered notes', () => {
  const lines = [
    ['dynamic', 'holdfast', 'qemu-img', 'equal', ''],
    ['dynamic', 'holdfast', '7zz', 'equal', ''],
    ['differencing', 'holdfast', 'qemu-img', 'differs', 'ignores the parent'],
  ]
  expect(imageMatrix(`${lines.map((line) => line.join('\t')).join('\n')}\n`)).toEqual([
    'written by: image       7zz    qemu-img',
    'holdfast: differencing         differs [1]',
    'holdfast: dynamic       equal  equal',
    '[1] ignores the parent',
    '3 cells, 2 equal, the others known defects of the reader',
  ])
  expect(imageMatrix('')).toEqual([])
})
