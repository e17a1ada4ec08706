import { testClient } from './client-tests.ts'
import { cri } from './cri.ts'

testClient(cri)
