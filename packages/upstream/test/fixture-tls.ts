/**
 * A certificate for tests only, its own authority: localhost, registry.example, auth.example, cdn.example and
 * 127.0.0.1, from 2020 to 2120. Its key is public, here; nothing may trust it.
 */
export const certificate = `-----BEGIN CERTIFICATE-----
MIIBlzCCAT6gAwIBAgIBATAKBggqhkjOPQQDAjAWMRQwEgYDVQQDDAtzaG9hbCB0
ZXN0czAgFw0yMDAxMDEwMDAwMDBaGA8yMTIwMDEwMTAwMDAwMFowFjEUMBIGA1UE
AwwLc2hvYWwgdGVzdHMwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAARBReG052iP
oswcAFi+lMgJUdccOjN9n1knZjG0pMS1u5yw00Poywb56yWPSBGp8yYizgpXt9e8
xHfViwDP8Folo3sweTAPBgNVHRMBAf8EBTADAQH/MEcGA1UdEQRAMD6CCWxvY2Fs
aG9zdIIQcmVnaXN0cnkuZXhhbXBsZYIMYXV0aC5leGFtcGxlggtjZG4uZXhhbXBs
ZYcEfwAAATAdBgNVHQ4EFgQUfPgG3wia15gpumAI+GNwRCXevpIwCgYIKoZIzj0E
AwIDRwAwRAIgO07h/9PeGXIiWrmCG+BWRVQCfDq8/aUqpN0BkaNR5d4CIG+fCcAO
rCWQmOXgr6xnTULA1f30bXS9/CobCn5G5ljb
-----END CERTIFICATE-----
`

export const privateKey = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgsmHhrZMi8O0MljOl
QB+HVSii+abVZga8hUCIas5EroKhRANCAARBReG052iPoswcAFi+lMgJUdccOjN9
n1knZjG0pMS1u5yw00Poywb56yWPSBGp8yYizgpXt9e8xHfViwDP8Fol
-----END PRIVATE KEY-----
`
