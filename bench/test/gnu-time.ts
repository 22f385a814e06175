import { existsSync } from 'node:fs'
import { test } from 'vitest'

/** Where Debian's package `time` puts it. */
const isInstalled = existsSync('/usr/bin/time')

/** A test that measures a real command. Without GNU time it is skipped, or fails if everything is required. */
export const measuredTest = test.runIf(isInstalled || process.env['HOLDFAST_TEST_REQUIRE'] === 'all')
