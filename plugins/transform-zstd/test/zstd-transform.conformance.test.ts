import { describeTransform } from '@holdfast/testkit/vitest'
import { zstdTransform } from '@holdfast/transform-zstd'

describeTransform('transform-zstd', () => ({ create: () => zstdTransform() }))

describeTransform('transform-zstd, fastest', () => ({ create: () => zstdTransform({ level: -7 }) }))
