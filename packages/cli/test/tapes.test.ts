import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'vitest'
import { tapesConfig, workplace } from './support/workplace.js'

test('try', async () => {
  await using place = await workplace(tapesConfig)
  const { folder, holdfast } = place
  const go = async (...args: string[]) => console.log(args.join(' '), await holdfast(args))
  await go('init')
  await go('plan')
  await go('run')
  await go('run')
  await go('plan')
  await go('list')
  await go('tape', 'plan', 'web@latest')
  await go('restore', 'web@latest', '--to', 'a', '--target', 'tapes')
  await writeFile(join(folder, 'tapes/away.json'), JSON.stringify({ TAPE0002: 'vault 2' }))
  await go('restore', 'db@latest', '--to', 'b', '--target', 'tapes')
  await go('verify')
  await go('doctor')
  await go('prune')
}, 60000)
