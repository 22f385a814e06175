import { describeTransform } from '@holdfast/testkit/vitest'
import { aesGcmTransform } from '@holdfast/transform-aes-gcm'

describeTransform('transform-aes-gcm', () => ({
  create: () => aesGcmTransform({ passphrase: { env: 'HOLDFAST_PASSPHRASE' } }),
}))
