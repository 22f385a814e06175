import { chmod, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { encryptedConfig, workplace } from './support/workplace.js'

const secret = 'marker-pass"phrase/8d1f'

test('no output and no stored object ever holds a passphrase', async () => {
  const config = encryptedConfig.replace(
    'transforms:',
    `quiesce:
      - { use: '@holdfast/quiesce-script', with: { freeze: [./leak.sh, freeze], thaw: [./leak.sh, thaw] } }
    onQuiesceFailure: degrade
    transforms:`,
  )
  await using place = await workplace(config)
  const leak = join(place.folder, 'leak.sh')
  await writeFile(leak, `#!/bin/sh\necho '${secret}'\n[ "$1" = thaw ]\n`)
  await chmod(leak, 0o755)
  const environment = { MARKER_PASSPHRASE: secret, SECOND: secret, HOLDFAST_DEBUG: '1', FORCE_COLOR: '1' }
  let said = ''
  const holdfast = async (line: string) => {
    const { stdout, stderr } = await place.holdfast(line.split(' '), environment)
    said += stdout + stderr
  }
  for (const line of [
    'init',
    'plan --json',
    'run',
    'run --json',
    'list --json',
    'show web@latest --json',
    'verify --read-data --json',
    'doctor --json',
    'plugins --json',
    'key add --target vault --label second --passphrase-env SECOND',
    'key list --target vault --json',
    'key revoke second --target vault --json',
    'restore nothing@latest --to out',
    'prune --dry-run',
  ]) {
    await holdfast(line)
  }
  expect(said.length).toBeGreaterThan(2000)
  // The hook does leak: where its words show, the secret in them does not.
  expect(said).toContain('[secret]')
  for (const form of [secret, JSON.stringify(secret).slice(1, -1)]) expect(said).not.toContain(form)
  expect(await holders(place.folder, secret)).toEqual([])
}, 60_000)

test('a wrong passphrase is not shown either', async () => {
  await using place = await workplace(encryptedConfig)
  await place.holdfast(['init'], { MARKER_PASSPHRASE: 'the right one' })
  const { stdout, stderr } = await place.holdfast(['run'], { MARKER_PASSPHRASE: secret, HOLDFAST_DEBUG: '1' })
  expect(stderr).toContain('E_KEY_WRONG')
  expect(stdout + stderr).not.toContain(secret)
})

async function holders(folder: string, text: string): Promise<string[]> {
  const found: string[] = []
  for (const part of ['vault', 'offsite']) {
    for (const entry of await readdir(join(folder, part), { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue
      const path = join(entry.parentPath, entry.name)
      if ((await readFile(path)).includes(text)) found.push(path)
    }
  }
  return found
}
