# Who may do what, and nothing of AWS itself: no provider is needed to render this module, so a test renders it and holds
# it against the requests that the code makes (tests/deploy/test_iam.py): each is allowed, and nothing is that none needs.

locals {
  bucket_arn = "arn:aws:s3:::${var.bucket}"
  lake_arn   = "${local.bucket_arn}/${var.prefix}"

  # In IAM `*` matches slashes too. The two behind the day tell a part (<day>/<run>/<part>) from a file of rejected rows
  # (_rejected/<day>/<time>), which only maintenance needs.
  parts           = "${local.lake_arn}raw/*/*/dt=*/*/*"
  commits         = "${local.lake_arn}raw/*/*/_manifests/*"
  pointers        = "${local.lake_arn}raw/*/*/_manifest.json"
  rejected        = "${local.lake_arn}raw/*/*/_rejected/*"
  months          = "${local.lake_arn}raw/*/*/_months/*"
  month_documents = "${local.lake_arn}raw/*/*/_months/*.json"
  month_files     = "${local.lake_arn}raw/*/*/_months/*.parquet"
  quotas          = "${local.lake_arn}raw/*/_quota/*"
  marts           = "${local.lake_arn}marts/*"
  moves           = "${local.lake_arn}marts/_publications/*"
  incidents       = "${local.lake_arn}incidents/*"
  reports         = "${local.lake_arn}reports/*"
  lineage         = "${local.lake_arn}lineage/*"
  inbox           = "${local.lake_arn}inbox/*/*"
  signs           = "${local.lake_arn}inbox/*.json" # of the capture of changes; it writes them again and again
  feeds           = "${local.lake_arn}feeds/*"
  steps           = "${local.lake_arn}feeds/*/*/_manifests/*"
  positions       = "${local.lake_arn}topics/*"
  published       = [local.parts, local.months, local.commits, local.pointers, local.marts]

  # Sources whose terms forbid to pass their rows on (docs/decisions/0034): their rows, and what is made of them. Spark's
  # tables have the rows of all sources while a build goes on, profiles have figures of all marts. Restored parts are for
  # builds alone.
  not_to_pass_on  = ["rawg"]
  restricted_rows = flatten([for source in local.not_to_pass_on : ["${local.lake_arn}raw/${source}/*/dt=*", "${local.lake_arn}raw/${source}/*/_months/*.parquet", "${local.lake_arn}feeds/${source}/*"]])
  restricted_marts = [
    "${local.lake_arn}marts/restricted/*", "${local.lake_arn}marts/dt=*/*/restricted/*",
    "${local.lake_arn}marts/dt=*/*/_spark/*", "${local.lake_arn}marts/quality/_profiles/*", "${local.lake_arn}marts/_restored/*",
  ]
  logs = "${local.bucket_arn}/${local.logs_prefix}*"

  # No condition on the prefix: S3 answers "absent" (404) only to roles that may list, and a request for one object has no
  # prefix to compare. Told "forbidden" (403) instead, a load would fail where it asks whether an object is there.
  find = {
    Sid      = "FindObjects"
    Effect   = "Allow"
    Action   = ["s3:ListBucket"]
    Resource = [local.bucket_arn]
  }

  # What fails and succeeds again becomes a state of an incident.
  report = {
    Sid      = "RecordIncidents"
    Effect   = "Allow"
    Action   = ["s3:GetObject", "s3:PutObject"]
    Resource = [local.incidents]
  }

  # Where OpenLineage is switched on: each task that reads or writes the lake keeps its events there.
  keep_events = {
    Sid      = "KeepLineageEvents"
    Effect   = "Allow"
    Action   = ["s3:PutObject"]
    Resource = [local.lineage]
  }

  # Pointers and marts at fixed addresses change: caches are invalidated.
  invalidate = var.distribution_arn == null ? [] : [{
    Sid      = "InvalidateCaches"
    Effect   = "Allow"
    Action   = ["cloudfront:CreateInvalidation", "cloudfront:GetInvalidation"]
    Resource = [var.distribution_arn]
  }]

  statements = {
    # The DAGs igdb_<entity> and apply_events.
    load = concat([
      local.find,
      local.report,
      local.keep_events,
      {
        # A message of a failed load states which day readers have.
        Sid      = "ReadThePointerOfTheMarts"
        Effect   = "Allow"
        Action   = ["s3:GetObject"]
        Resource = ["${local.lake_arn}marts/_current.json"]
      },
      {
        Sid      = "ReadTheTable"
        Effect   = "Allow"
        Action   = ["s3:GetObject"]
        Resource = [local.parts, local.months, local.commits, local.pointers, local.quotas, local.inbox]
      },
      {
        Sid      = "WritePartsAndCommits"
        Effect   = "Allow"
        Action   = ["s3:PutObject"]
        Resource = [local.parts, local.commits, local.pointers, local.rejected, local.quotas]
      },
      {
        Sid      = "ReadTagsAndGiveUpUploads"
        Effect   = "Allow"
        Action   = ["s3:GetObjectTagging", "s3:AbortMultipartUpload"]
        Resource = [local.parts]
      },
      {
        # The tag decides what the lifecycle rules remove.
        Sid      = "TagParts"
        Effect   = "Allow"
        Action   = ["s3:PutObjectTagging"]
        Resource = [local.parts]
        Condition = {
          StringEquals = { "s3:RequestObjectTag/status" = ["temp", "final", "outdated"] }
        }
      },
      {
        # A load removes its own notes and replies; parts are for lifecycle rules and the audit to remove.
        Sid      = "RemoveProgress"
        Effect   = "Allow"
        Action   = ["s3:DeleteObject"]
        Resource = ["${local.lake_arn}raw/*/*/dt=*/*/_progress.json", "${local.lake_arn}raw/*/*/dt=*/*/_reply-*.json"]
      },
    ], local.invalidate)

    # The DAGs transform, data_quality and daily_brief.
    transform = concat([
      local.find,
      local.report,
      local.keep_events,
      {
        Sid      = "ReadTablesAndMarts"
        Effect   = "Allow"
        Action   = ["s3:GetObject"]
        Resource = [local.parts, local.months, local.commits, local.pointers, local.marts, local.reports, local.feeds, local.signs]
      },
      {
        Sid      = "WriteMartsBriefsAndFeeds"
        Effect   = "Allow"
        Action   = ["s3:PutObject"]
        Resource = [local.marts, local.reports, local.feeds]
      },
      {
        # A build removes what only it read when it is done: tables of Spark, and restored parts. No mart is among them.
        Sid      = "RemoveWhatABuildRead"
        Effect   = "Allow"
        Action   = ["s3:DeleteObject"]
        Resource = ["${local.lake_arn}marts/dt=*/*/_spark/*", "${local.lake_arn}marts/_restored/*"]
      },
    ], local.invalidate)

    # The DAG lake_audit: it removes orphans, and compacts old months.
    maintain = [
      local.find,
      local.report,
      {
        Sid      = "ReadTheLake"
        Effect   = "Allow"
        Action   = ["s3:GetObject"]
        Resource = concat(local.published, [local.feeds])
      },
      {
        # A part that a month has is copied onto itself with its tag: S3 counts the days to its removal from then on.
        Sid      = "WriteMonthsAndTagTheirParts"
        Effect   = "Allow"
        Action   = ["s3:PutObject"]
        Resource = [local.months, local.parts]
      },
      {
        Sid      = "ReadTags"
        Effect   = "Allow"
        Action   = ["s3:GetObjectTagging"]
        Resource = [local.parts]
      },
      {
        Sid      = "GiveUpUploadsOfMonths"
        Effect   = "Allow"
        Action   = ["s3:AbortMultipartUpload"]
        Resource = [local.month_files]
      },
      {
        Sid      = "TagFilesOfMonths"
        Effect   = "Allow"
        Action   = ["s3:PutObjectTagging"]
        Resource = [local.month_files]
        Condition = {
          StringEquals = { "s3:RequestObjectTag/status" = ["temp", "final"] }
        }
      },
      {
        Sid      = "TagPartsOfMonths"
        Effect   = "Allow"
        Action   = ["s3:PutObjectTagging"]
        Resource = [local.parts]
        Condition = {
          StringEquals = { "s3:RequestObjectTag/status" = ["outdated"] }
        }
      },
      {
        # Not commits, not documents of months, and not the pointers.
        Sid      = "RemoveOrphans"
        Effect   = "Allow"
        Action   = ["s3:DeleteObject"]
        Resource = [local.parts, local.rejected, local.month_files, "${local.lake_arn}marts/dt=*", "${local.lake_arn}marts/_restored/*", "${local.lake_arn}marts/history/*", "${local.lake_arn}marts/quality/*/*", local.lineage, local.inbox, local.feeds, local.positions, local.incidents]
      },
    ]

    # `gamelake feed publish`: it sends feeds, tables and inboxes to a broker, and keeps the positions of its topics.
    send = [
      local.find,
      {
        Sid      = "ReadWhatIsSent"
        Effect   = "Allow"
        Action   = ["s3:GetObject"]
        Resource = [local.parts, local.commits, local.feeds, local.inbox, local.positions]
      },
      {
        Sid      = "KeepPositions"
        Effect   = "Allow"
        Action   = ["s3:PutObject"]
        Resource = [local.positions]
      },
    ]

    # The event collector, and the capture of changes. They read a part only to compare: whether it is their own, stored by
    # a put whose reply was lost.
    collect = [
      local.find,
      {
        Sid      = "AddEvents"
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:PutObject"]
        Resource = [local.inbox, local.signs]
      },
    ]

    # People who set a lake up: `gamelake lake lifecycle --apply` and `gamelake lake restore`. No role of Airflow has it.
    setup = [
      local.find,
      {
        Sid      = "RestoreTheLake"
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:PutObject"]
        Resource = ["${local.lake_arn}raw/*", local.marts, local.incidents, local.reports, local.lineage, local.inbox, local.signs, local.feeds, local.positions]
      },
      {
        Sid      = "LifecycleRules"
        Effect   = "Allow"
        Action   = ["s3:GetLifecycleConfiguration", "s3:PutLifecycleConfiguration"]
        Resource = [local.bucket_arn]
      },
    ]

    # Notebooks and dashboards that read the bucket itself. Rejected rows are not for them, nor what may not be passed on.
    read = [
      local.find,
      {
        Sid      = "ReadTheLake"
        Effect   = "Allow"
        Action   = ["s3:GetObject"]
        Resource = concat(local.published, [local.feeds])
      },
      {
        Sid      = "NothingRestricted"
        Effect   = "Deny"
        Action   = ["s3:GetObject"]
        Resource = concat(local.restricted_rows, local.restricted_marts)
      },
    ]

    # In place of `read`: Airflow's pages, which also show the daily brief and why loads failed, and people and dashboards
    # that may see the restricted marts too. Who shows them names their source with a link.
    read_restricted = [
      local.find,
      {
        Sid      = "ReadTheLake"
        Effect   = "Allow"
        Action   = ["s3:GetObject"]
        Resource = concat(local.published, [local.feeds, local.reports, local.incidents])
      },
    ]

    # Airflow's tasks, where their logs are in the bucket: a try that goes on adds to its log, so it reads it first.
    logs = [
      local.find,
      {
        Sid      = "WriteLogs"
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:PutObject"]
        Resource = [local.logs]
      },
    ]

    # Airflow's API server, which shows them.
    read_logs = [
      local.find,
      {
        Sid      = "ReadLogs"
        Effect   = "Allow"
        Action   = ["s3:GetObject"]
        Resource = [local.logs]
      },
    ]
  }

  # On the bucket: it applies to every role.
  bucket_statements = concat([
    {
      Sid       = "TlsOnly"
      Effect    = "Deny"
      Principal = { AWS = "*" }
      Action    = ["s3:*"]
      Resource  = [local.bucket_arn, "${local.bucket_arn}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    },
    {
      # Commits, documents of months, publications, steps of feeds, states of incidents, parts of the inbox and positions of topics
      # are created, never replaced. The code does so; this enforces it for every client.
      Sid       = "CommitsAreImmutable"
      Effect    = "Deny"
      Principal = { AWS = "*" }
      Action    = ["s3:PutObject"]
      Resource  = [local.commits, local.month_documents, local.moves, local.incidents, local.quotas, local.inbox, local.steps, local.positions]
      Condition = { Null = { "s3:if-none-match" = "true" } }
    },
    ], var.distribution_arn == null ? [] : [
    {
      Sid       = "CloudFrontReads"
      Effect    = "Allow"
      Principal = { Service = "cloudfront.amazonaws.com" }
      Action    = ["s3:GetObject"]
      Resource  = local.published
      Condition = { StringEquals = { "AWS:SourceArn" = var.distribution_arn } }
    },
    {
      # Without commits of these sources, a build through the CDN takes them for tables that were never loaded.
      Sid       = "CloudFrontReadsNothingRestricted"
      Effect    = "Deny"
      Principal = { Service = "cloudfront.amazonaws.com" }
      Action    = ["s3:GetObject"]
      Resource  = concat([for source in local.not_to_pass_on : "${local.lake_arn}raw/${source}/*"], local.restricted_marts)
      Condition = { StringEquals = { "AWS:SourceArn" = var.distribution_arn } }
    },
  ])
}
