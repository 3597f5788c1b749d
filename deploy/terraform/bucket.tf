module "access" {
  source = "./access"

  bucket           = var.bucket
  prefix           = local.prefix
  distribution_arn = var.cdn ? aws_cloudfront_distribution.lake[0].arn : null
}

locals {
  prefix = var.prefix == "" ? "" : "${var.prefix}/"
}

resource "aws_s3_bucket" "lake" {
  bucket = var.bucket

  lifecycle {
    prevent_destroy = true # the past days of a time series cannot be loaded again
  }
}

resource "aws_s3_bucket_public_access_block" "lake" {
  bucket = aws_s3_bucket.lake.id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "lake" {
  bucket = aws_s3_bucket.lake.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

# S3's own keys: the data are public, and a KMS key would cost a request with each of the lake's.
resource "aws_s3_bucket_server_side_encryption_configuration" "lake" {
  bucket = aws_s3_bucket.lake.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

# The code never overwrites but pointers, and removes nothing that counts. Versions are for what is not the code: a wrong
# hand, a wrong program, a lost key.
resource "aws_s3_bucket_versioning" "lake" {
  bucket = aws_s3_bucket.lake.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_policy" "lake" {
  bucket = aws_s3_bucket.lake.id
  policy = module.access.bucket_policy

  depends_on = [aws_s3_bucket_public_access_block.lake]
}

resource "aws_s3_bucket_lifecycle_configuration" "lake" {
  bucket = aws_s3_bucket.lake.id

  dynamic "rule" {
    for_each = [for each in module.access.lifecycle_rules : each if each.status != null]

    content {
      id     = rule.value.id
      status = "Enabled"

      filter {
        and {
          prefix = rule.value.prefix
          tags   = { status = rule.value.status }
        }
      }

      expiration {
        days = rule.value.expire_days
      }
    }
  }

  dynamic "rule" {
    for_each = [for each in module.access.lifecycle_rules : each if each.status == null]

    content {
      id     = rule.value.id
      status = "Enabled"

      filter {
        prefix = rule.value.prefix
      }

      abort_incomplete_multipart_upload {
        days_after_initiation = rule.value.abort_days
      }
    }
  }

  # In a bucket with versions, what a rule expires, the audit deletes or a copy onto itself replaces stays as a noncurrent
  # version, unseen and paid for. This rule ends it; its second half removes the markers that deletions leave behind.
  # Its id does not begin with gamelake-, so that `gamelake lake lifecycle` leaves it alone.
  rule {
    id     = "noncurrent-versions"
    status = "Enabled"

    filter {
      prefix = local.prefix
    }

    noncurrent_version_expiration {
      noncurrent_days = var.noncurrent_days
    }

    expiration {
      expired_object_delete_marker = true
    }
  }

  # Logs of tasks, and the versions that a try left which added to its log. Empty, where logs are elsewhere.
  rule {
    id     = "task-logs"
    status = "Enabled"

    filter {
      prefix = module.access.logs_prefix
    }

    expiration {
      days = var.log_days
    }

    noncurrent_version_expiration {
      noncurrent_days = 1
    }
  }

  depends_on = [aws_s3_bucket_versioning.lake]
}
