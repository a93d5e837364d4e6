//! What people do for a living, and what they are hired for: a freelancer's skills, prices, projects and invoices agree.

/// A trade.
pub(super) struct Career {
    /// What people of it call themselves.
    pub trade: &'static str,
    /// Its skills, by their names in the catalogue, the most typical first.
    pub skills: &'static [&'static str],
    /// What an hour costs, in US dollars.
    pub rate: (i64, i64),
    /// What they are hired for.
    pub works: &'static [Work],
}

/// Something that a client wants done.
pub(super) struct Work {
    /// What it is called.
    pub title: &'static str,
    /// What the client says of it.
    pub description: &'static str,
    /// Its parts, each with the hours that it takes.
    pub parts: &'static [(&'static str, (i64, i64))],
}

pub(super) const CAREERS: &[Career] = &[
    Career {
        trade: "blockchain developer",
        skills: &["Move", "Solidity", "Rust", "Web3", "Cryptography"],
        rate: (70, 140),
        works: &[
            Work {
                title: "Escrow contract in Move",
                description: "A web3 smart contract that holds payments until both sides agree, with tests and a deployment to testnet.",
                parts: &[
                    ("States and threat model", (8, 16)),
                    ("Implementation in Move", (24, 60)),
                    ("Property tests", (12, 24)),
                    ("Deployment and hand-over", (4, 10)),
                ],
            },
            Work {
                title: "Staking portal",
                description: "A portal in which holders stake, unstake and see their rewards; wallet connection included.",
                parts: &[("Wallet connection", (10, 20)), ("Staking and rewards", (30, 50)), ("Indexer", (16, 30))],
            },
        ],
    },
    Career {
        trade: "smart contract auditor",
        skills: &["Smart Contract Audits", "Solidity", "Cryptography", "Threat Modelling", "Zero-Knowledge Proofs"],
        rate: (90, 180),
        works: &[
            Work {
                title: "Audit of a lending protocol",
                description: "Two contracts, 1,400 lines. A report with severities, and a second look at the fixes.",
                parts: &[
                    ("Review of the contracts", (30, 60)),
                    ("Fuzzing campaign", (12, 24)),
                    ("Report", (6, 12)),
                    ("Review of the fixes", (4, 10)),
                ],
            },
            Work {
                title: "Threat model of a bridge",
                description: "Who can do what to the bridge, what it costs them, and what we should do first.",
                parts: &[("Workshop", (6, 8)), ("Threat model", (16, 30)), ("Recommendations", (6, 12))],
            },
        ],
    },
    Career {
        trade: "backend engineer",
        skills: &["Rust", "PostgreSQL", "MySQL", "Go", "Apache Kafka", "Observability"],
        rate: (60, 120),
        works: &[
            Work {
                title: "Booking system's API",
                description: "Rooms, guests and seasons behind one documented API, with load tests that show what it bears.",
                parts: &[
                    ("Data model and migrations", (10, 18)),
                    ("Endpoints", (30, 60)),
                    ("Load test", (6, 12)),
                    ("Documentation", (4, 10)),
                ],
            },
            Work {
                title: "Move from a monolith to two services",
                description: "Billing shall be deployed without the rest. No downtime, and a way back at every step.",
                parts: &[("Plan", (8, 14)), ("Extraction of billing", (40, 80)), ("Migration of the data", (12, 24))],
            },
        ],
    },
    Career {
        trade: "web developer",
        skills: &["TypeScript", "React", "Svelte", "CSS", "Accessibility", "WebAssembly"],
        rate: (45, 95),
        works: &[
            Work {
                title: "Storefront that works without a mouse",
                description: "Our shop fails people who use a keyboard or a screen reader. WCAG 2.2 AA, tested with users.",
                parts: &[
                    ("Accessibility review", (10, 16)),
                    ("Product pages", (24, 40)),
                    ("Check-out", (20, 36)),
                    ("Tests with users", (8, 14)),
                ],
            },
            Work {
                title: "Analytics dashboard",
                description: "Sales by day and country, fast on an old laptop, with an export for the accountants.",
                parts: &[("Charts", (20, 36)), ("Filters and export", (12, 20)), ("Hand-over", (3, 6))],
            },
        ],
    },
    Career {
        trade: "data engineer",
        skills: &["Python", "Data Analysis", "Apache Kafka", "MongoDB", "PostgreSQL", "Machine Learning"],
        rate: (60, 125),
        works: &[
            Work {
                title: "Data pipeline for sensor readings",
                description: "Forty stations, one reading a second, gaps filled and late readings welcome.",
                parts: &[("Ingestion", (16, 30)), ("Cleaning and gaps", (16, 28)), ("Daily report", (8, 14))],
            },
            Work {
                title: "Recommendation engine for a bookshop",
                description: "Readers who liked this also liked that, explained in one sentence and without profiles.",
                parts: &[("Exploration", (12, 20)), ("Model and evaluation", (24, 50)), ("Service", (14, 26))],
            },
        ],
    },
    Career {
        trade: "site reliability engineer",
        skills: &["Kubernetes", "Terraform", "Linux", "Observability", "Go"],
        rate: (65, 130),
        works: &[
            Work {
                title: "Cluster that survives a zone",
                description: "Three zones, one may burn. Rehearsed, with a run book that the night shift can follow.",
                parts: &[("Infrastructure as code", (24, 44)), ("Fail-over rehearsal", (10, 16)), ("Run book", (5, 9))],
            },
            Work {
                title: "Alerts that mean something",
                description: "Two hundred alerts a week, of which three matter. Make it three.",
                parts: &[("Inventory", (6, 10)), ("Objectives and alerts", (16, 28)), ("Training session", (3, 5))],
            },
        ],
    },
    Career {
        trade: "mobile developer",
        skills: &["Flutter", "iOS", "Android", "TypeScript", "Interface Design"],
        rate: (50, 105),
        works: &[
            Work {
                title: "Mobile app for a language school",
                description: "Vocabulary, audio and a streak that forgives a holiday. iOS and Android.",
                parts: &[
                    ("Prototype", (16, 24)),
                    ("Exercises and audio", (40, 70)),
                    ("Offline mode", (16, 28)),
                    ("Release in both stores", (6, 12)),
                ],
            },
            Work {
                title: "Member card in the phone",
                description: "A card that opens the turnstile, also without a network.",
                parts: &[("Card and wallet pass", (16, 28)), ("Turnstile integration", (14, 26)), ("Pilot", (6, 10))],
            },
        ],
    },
    Career {
        trade: "security consultant",
        skills: &["Penetration Testing", "Threat Modelling", "Cryptography", "Linux"],
        rate: (80, 160),
        works: &[Work {
            title: "Penetration test before launch",
            description: "Web application and API, grey box, with a report that developers can work from.",
            parts: &[("Test", (30, 56)), ("Report", (8, 14)), ("Retest", (6, 12))],
        }],
    },
    Career {
        trade: "product designer",
        skills: &["Interface Design", "UX Research", "Accessibility", "Typography", "Motion Design"],
        rate: (45, 100),
        works: &[
            Work {
                title: "Onboarding that people finish",
                description: "Six of ten leave at the third step. Find out why, and design what comes instead.",
                parts: &[
                    ("Interviews (8)", (12, 18)),
                    ("Prototype", (20, 34)),
                    ("Usability test", (8, 14)),
                    ("Final screens", (16, 30)),
                ],
            },
            Work {
                title: "Design system",
                description: "Buttons in four blues are three too many. Components, tokens, and rules for both.",
                parts: &[("Inventory", (6, 10)), ("Components", (30, 56)), ("Documentation", (8, 14))],
            },
        ],
    },
    Career {
        trade: "brand designer",
        skills: &["Brand Identity", "Illustration", "Typography", "Motion Design"],
        rate: (40, 90),
        works: &[Work {
            title: "Brand book",
            description: "A name that people mispronounce and a logo from 1998. Keep the name.",
            parts: &[("Research", (8, 14)), ("Logo and colours", (24, 40)), ("Brand book", (14, 24))],
        }],
    },
    Career {
        trade: "illustrator",
        skills: &["Illustration", "Brand Identity", "3D Modelling"],
        rate: (30, 70),
        works: &[Work {
            title: "Illustrations for a children's museum",
            description: "Twelve rooms, twelve animals, one style. Large prints and stickers.",
            parts: &[("Sketches", (10, 16)), ("Illustrations (set of 12)", (30, 54)), ("Files for print", (3, 6))],
        }],
    },
    Career {
        trade: "technical writer",
        skills: &["Technical Writing", "Copywriting", "TypeScript"],
        rate: (35, 80),
        works: &[Work {
            title: "Documentation site",
            description: "A reference that is generated and a guide that is not. Newcomers reach their first answer in ten minutes.",
            parts: &[("Structure", (6, 10)), ("Guide", (24, 40)), ("Reference and samples", (16, 30))],
        }],
    },
    Career {
        trade: "translator",
        skills: &["Translation", "Copywriting", "Technical Writing"],
        rate: (25, 60),
        works: &[Work {
            title: "Translation of a machine's manual",
            description: "English to German, 18,000 words, with the terms that our technicians use.",
            parts: &[("Glossary", (4, 8)), ("Translation", (36, 60)), ("Proofreading", (8, 14))],
        }],
    },
    Career {
        trade: "video editor",
        skills: &["Video Editing", "Colour Grading", "Sound Design", "Motion Design"],
        rate: (35, 80),
        works: &[Work {
            title: "Explainer video",
            description: "Ninety seconds that our grandmother understands, in two formats and with subtitles.",
            parts: &[("Script and storyboard", (8, 14)), ("Edit", (16, 30)), ("Colour and sound", (8, 14))],
        }],
    },
    Career {
        trade: "audio producer",
        skills: &["Podcast Editing", "Sound Design", "Voice-over"],
        rate: (30, 70),
        works: &[Work {
            title: "Podcast season",
            description: "Eight episodes of thirty minutes from raw interviews, with a theme of our own.",
            parts: &[("Theme", (6, 10)), ("Episodes 1 to 4", (16, 28)), ("Episodes 5 to 8", (16, 28))],
        }],
    },
    Career {
        trade: "game designer",
        skills: &["Game Design", "Godot", "3D Modelling", "Sound Design"],
        rate: (35, 85),
        works: &[Work {
            title: "Game prototype",
            description: "A puzzle about tides. One level that shows whether it is fun.",
            parts: &[("Concept", (8, 14)), ("Playable level", (36, 60)), ("Play test", (6, 10))],
        }],
    },
    Career {
        trade: "hardware engineer",
        skills: &["PCB Layout", "Embedded Systems", "CAD", "Rust"],
        rate: (60, 120),
        works: &[Work {
            title: "Firmware and board of a soil sensor",
            description: "Two years on one battery. Board, firmware and a jig to test both.",
            parts: &[("Schematic and board", (26, 44)), ("Firmware", (36, 64)), ("Test jig", (10, 18))],
        }],
    },
    Career {
        trade: "bookkeeper",
        skills: &["Bookkeeping", "Data Analysis", "Contract Law"],
        rate: (25, 65),
        works: &[Work {
            title: "Books of the last year",
            description: "A shoebox of receipts and four bank accounts. The tax office asks in March.",
            parts: &[("Sorting and entry", (20, 36)), ("Reconciliation", (10, 18)), ("Annual statement", (8, 14))],
        }],
    },
];
