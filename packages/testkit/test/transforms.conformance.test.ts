import { describeTransform } from '../src/vitest.js'
import { deflateTransform, gcmTransform } from './sabotage/broken-transforms.js'

describeTransform('the intact twin of the sabotaged deflate transforms', () => ({ create: () => deflateTransform() }))
describeTransform('the intact twin of the sabotaged AES-GCM transforms', () => ({ create: () => gcmTransform() }))
