import type { CodecModule } from '@holdfast/core'
import { deflateTransform } from '#deflate-transform'

// What a worker does with a transform, by hand: import its module, make the codec, code a frame there and back.
const { module, parameters, version } = deflateTransform({ level: 9 })
const { createCodec }: CodecModule = await import(module)
const codec = createCodec(parameters, version)

const plain = Buffer.from('the same line, again and again\n'.repeat(1000))
const context = { sequence: 0, associatedData: new Uint8Array(0) }
const encoded = new Uint8Array(plain.length)
const encodedBytes = codec.encode(plain, encoded, context) ?? Number.NaN
console.log(`${plain.length} bytes became ${encodedBytes < 200 ? 'fewer than 200' : encodedBytes}`)

const decoded = new Uint8Array(plain.length)
codec.decode(encoded.subarray(0, encodedBytes), decoded, context)
console.log(plain.equals(decoded) ? 'and came back as they were' : 'and came back altered')
