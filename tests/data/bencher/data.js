window.BENCHMARK_DATA = {
  "lastUpdate": 1574927128603,
  "repoUrl": "https://example.org/user/repo",
  "entries": {
    "Rust Benchmark": [
      {
        "commit": {
          "author": {
            "email": "dummy@example.com",
            "name": "Usér   \u0007",
            "username": "user"
          },
          "committer": {
            "email": "dummy@example.com",
            "name": "Usér   \u0007",
            "username": "user"
          },
          "distinct": false,
          "id": "0ed2f3d2a0a0ab22d3a7e4a0b8b8f1c7b6f0d6a1",
          "message": "Line one\n\"two\" <b> \\ 🦀",
          "timestamp": "2019-11-28T08:45:27+01:00",
          "tree_id": "t",
          "url": "https://example.org/commit/0ed2f3d2a0a0ab22d3a7e4a0b8b8f1c7b6f0d6a1"
        },
        "date": 1574927127603,
        "tool": "cargo",
        "benches": [
          {
            "name": "bench_fib_10",
            "range": "± 20",
            "unit": "ns/iter",
            "value": 100
          }
        ]
      },
      {
        "commit": {
          "author": {
            "email": "dummy@example.com",
            "name": "Usér   \u0007",
            "username": "user"
          },
          "committer": {
            "email": "dummy@example.com",
            "name": "Usér   \u0007",
            "username": "user"
          },
          "distinct": false,
          "id": "1ed2f3d2a0a0ab22d3a7e4a0b8b8f1c7b6f0d6a2",
          "message": "Line one\n\"two\" <b> \\ 🦀",
          "timestamp": "2019-11-28T08:45:27+01:00",
          "tree_id": "t",
          "url": "https://example.org/commit/1ed2f3d2a0a0ab22d3a7e4a0b8b8f1c7b6f0d6a2"
        },
        "date": 1574927128000,
        "tool": "cargo",
        "benches": [
          {
            "name": "bench_fib_10",
            "value": 148.7,
            "range": "± 2.21",
            "unit": "ns/iter",
            "extra": "kept"
          },
          {
            "name": "bench_fib_20",
            "value": 18794.12,
            "unit": "ns/iter"
          }
        ]
      }
    ],
    "Other": [
      {
        "commit": {
          "author": {
            "email": "dummy@example.com",
            "name": "Usér   \u0007",
            "username": "user"
          },
          "committer": {
            "email": "dummy@example.com",
            "name": "Usér   \u0007",
            "username": "user"
          },
          "distinct": false,
          "id": "2",
          "message": "Line one\n\"two\" <b> \\ 🦀",
          "timestamp": "2019-11-28T08:45:27+01:00",
          "tree_id": "t",
          "url": "https://example.org/commit/2"
        },
        "date": 1574927128001,
        "tool": "pytest",
        "benches": [
          {
            "name": "t",
            "value": 0.0000125,
            "unit": "iter/sec",
            "range": "stddev: 1e-7"
          },
          {
            "name": "u",
            "value": 1e+21,
            "unit": "iter/sec"
          },
          {
            "name": "v",
            "value": 1.5e-9,
            "unit": "iter/sec"
          },
          {
            "name": "w",
            "value": null,
            "unit": "iter/sec"
          }
        ],
        "more": []
      }
    ]
  },
  "unknown": {
    "deep": [
      1,
      {},
      [],
      true,
      null,
      12345678901234568
    ]
  }
}