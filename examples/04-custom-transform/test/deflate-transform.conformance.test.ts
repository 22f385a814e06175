import { describeTransform } from '@holdfast/testkit/vitest'
import { deflateTransform } from '#deflate-transform'

describeTransform('deflate', () => ({ create: () => deflateTransform() }))
