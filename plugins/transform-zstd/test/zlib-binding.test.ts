import { expect, it } from 'vitest'
import { openZlibBinding } from '../src/zlib-binding.js'

it('allocates no window of 2 GiB because a header claims one', () => {
  const claim = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa8, 0x01, 0x00, 0x00])
  expect(openZlibBinding(3).decompress(claim, new Uint8Array(4096))).toMatchObject({
    reason: 'ZSTD_error_frameParameter_windowTooLarge',
  })
})
