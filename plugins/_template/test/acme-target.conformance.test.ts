import { describeTarget } from '@holdfast/testkit/vitest'
import { acmeTarget } from 'holdfast-target-acme'

describeTarget('target-acme', async () => {
  process.env['ACME_TOKEN'] = 'for-tests'
  const plugin = acmeTarget({ endpoint: 'https://vault.acme.example', token: { env: 'ACME_TOKEN' } })
  // One vault for all checks; it is in this process, so memory use says nothing about the plugin.
  return { create: () => plugin, pageSize: 20, storeInProcess: true }
})
