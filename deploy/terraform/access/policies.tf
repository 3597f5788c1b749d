# Who may do what, and nothing of AWS itself: no provider is needed to render this module, so a test renders it and holds
# it against the requests that the code makes (tests/deploy/test_iam.py): each is allowed, and nothing is that none needs.

locals {
  bucket_arn = "arn:aws:s3:::${var.bucket}"
  lake_arn   = "${local.bucket_arn}/${var.prefix}"

  # In IAM `*` matches slashes too. The two behind the day tell a part (<day>/<run>/<part>) from a file of rejected rows
  # (_rejected/<day>/<time>), which only maintenance needs.
  parts     = "${local.lake_arn}raw/*/*/dt=*/*/*"
  commits   = "${local.lake_arn}raw/*/*/_manifests/*"
  pointers  = "${local.lake_arn}raw/*/*/_manifest.json"
  rejected  = "${local.lake_arn}raw/*/*/_rejected/*"
  marts     = "${local.lake_arn}marts/*"
  moves     = "${local.lake_arn}marts/_publications/*"
  published = [local.parts, local.commits, local.pointers, local.marts]

  # No condition on the prefix: S3 answers "absent" (404) only to roles that may list, and a request for one object has no
  # prefix to compare. Told "forbidden" (403) instead, a load would fail where it asks whether an object is there.
  find = {
    Sid      = "FindObjects"
    Effect   = "Allow"
    Action   = ["s3:ListBucket"]
    Resource = [local.bucket_arn]
  }

  # Pointers and marts at fixed addresses change: caches are invalidated.
  invalidate = var.distribution_arn == null ? [] : [{
    Sid      = "InvalidateCaches"
    Effect   = "Allow"
    Action   = ["cloudfront:CreateInvalidation", "cloudfront:GetInvalidation"]
    Resource = [var.distribution_arn]
  }]

  statements = {
    # The DAGs igdb_<entity>.
    load = concat([
      local.find,
      {
        Sid      = "ReadTheTable"
        Effect   = "Allow"
        Action   = ["s3:GetObject"]
        Resource = [local.parts, local.commits, local.pointers]
      },
      {
        Sid      = "WritePartsAndCommits"
        Effect   = "Allow"
        Action   = ["s3:PutObject"]
        Resource = [local.parts, local.commits, local.pointers, local.rejected]
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
        # A load removes its own notes; parts are for lifecycle rules and the audit to remove.
        Sid      = "RemoveProgress"
        Effect   = "Allow"
        Action   = ["s3:DeleteObject"]
        Resource = ["${local.lake_arn}raw/*/*/dt=*/*/_progress.json"]
      },
    ], local.invalidate)

    # The DAG transform.
    transform = concat([
      local.find,
      {
        Sid      = "ReadTablesAndMarts"
        Effect   = "Allow"
        Action   = ["s3:GetObject"]
        Resource = [local.parts, local.commits, local.marts]
      },
      {
        Sid      = "WriteMarts"
        Effect   = "Allow"
        Action   = ["s3:PutObject"]
        Resource = [local.marts]
      },
    ], local.invalidate)

    # The DAG lake_audit, and `gamelake lake lifecycle --apply`.
    maintain = [
      local.find,
      {
        Sid      = "ReadTheLake"
        Effect   = "Allow"
        Action   = ["s3:GetObject"]
        Resource = local.published
      },
      {
        # Not commits, and not the pointers.
        Sid      = "RemoveOrphans"
        Effect   = "Allow"
        Action   = ["s3:DeleteObject"]
        Resource = [local.parts, local.rejected, "${local.lake_arn}marts/dt=*", "${local.lake_arn}marts/history/*"]
      },
      {
        Sid      = "LifecycleRules"
        Effect   = "Allow"
        Action   = ["s3:GetLifecycleConfiguration", "s3:PutLifecycleConfiguration"]
        Resource = [local.bucket_arn]
      },
    ]

    # Notebooks and dashboards that read the bucket itself. Rejected rows are not for them.
    read = [
      local.find,
      {
        Sid      = "ReadTheLake"
        Effect   = "Allow"
        Action   = ["s3:GetObject"]
        Resource = local.published
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
      # Commits and publications are created, never replaced. The code does so; this enforces it for every client.
      Sid       = "CommitsAreImmutable"
      Effect    = "Deny"
      Principal = { AWS = "*" }
      Action    = ["s3:PutObject"]
      Resource  = [local.commits, local.moves]
      Condition = { Null = { "s3:if-none-match" = "true" } }
    },
    ], var.distribution_arn == null ? [] : [{
      Sid       = "CloudFrontReads"
      Effect    = "Allow"
      Principal = { Service = "cloudfront.amazonaws.com" }
      Action    = ["s3:GetObject"]
      Resource  = local.published
      Condition = { StringEquals = { "AWS:SourceArn" = var.distribution_arn } }
  }])
}
