import { readFile, writeFile } from 'node:fs/promises'
import { pathToFileURL } from 'node:url'
import { defineTransform } from '@holdfast/core'
import { memorySource, memoryTarget } from '@holdfast/testkit/memory'
import { tempFolder } from 'holdfast-lab'
import { expect, test } from 'vitest'
import { lab } from './support/lab.js'
import { cheapImage } from './support/sources.js'

const { init, run } = lab({ workers: 1 })

const codec = `import { appendFileSync } from 'node:fs'
export const createCodec = ({ file }) => ({
  encode: () => undefined,
  decode: () => 0,
  [Symbol.dispose]: () => appendFileSync(file, 'freed '),
})`

test('when a run ends, the codecs of its workers free what they hold, once', async () => {
  using folder = tempFolder()
  const [module, file] = [folder.at('codec.mjs'), folder.at('freed')]
  await writeFile(module, codec)
  const counting = defineTransform({
    id: 'counting',
    capabilities: {},
    version: 1,
    module: pathToFileURL(module).href,
    parameters: { file },
  })
  const target = { name: 't', plugin: memoryTarget(), transforms: [counting] }
  await init(target)
  const source = memorySource({ machines: [{ name: 'web', disks: { root: cheapImage(2 ** 20) } }] })
  expect((await run(source, [target])).status).toBe('done')
  expect(await readFile(file, 'utf8')).toBe('freed ')
})
