import { createRaw, rawCodec } from '../src/raw/index.js'
import { describeRoundTrip } from './support/round-trip.js'

describeRoundTrip({
  name: 'raw',
  codec: rawCodec,
  create: (folder, sizeBytes) => createRaw(folder.create('disk'), { sizeBytes }),
})
