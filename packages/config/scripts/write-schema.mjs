// Writes schema/holdfast.schema.json from the plugins of this repository; with --check it only compares.
import { readFile, writeFile } from 'node:fs/promises'
import { configJsonSchema } from '../dist/index.js'

const packages = [
  '@holdfast/source-image',
  '@holdfast/source-qemu',
  '@holdfast/source-vmware',
  '@holdfast/quiesce-guest-agent',
  '@holdfast/quiesce-script',
  '@holdfast/transform-zstd',
  '@holdfast/transform-aes-gcm',
  '@holdfast/target-disk',
  '@holdfast/target-tape',
]

const file = new URL('../schema/holdfast.schema.json', import.meta.url)
const modules = {}
for (const name of packages) modules[name] = (await import(name)).plugin
const text = `${JSON.stringify(configJsonSchema(modules), undefined, 2)}\n`

if (process.argv.includes('--check')) {
  const written = await readFile(file, 'utf8')
  if (written !== text) {
    process.stderr.write('schema/holdfast.schema.json is not current: run pnpm --filter @holdfast/config run schema\n')
    process.exitCode = 1
  }
} else {
  await writeFile(file, text)
}
