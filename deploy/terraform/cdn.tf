# Everybody may read what the policy CloudFrontReads names, through CloudFront only: the bucket itself stays closed.

locals {
  count = var.cdn ? 1 : 0

  # The first pattern that fits decides, so immutable paths come first. What fits none is kept as briefly as a pointer.
  behaviors = concat(
    [for path in module.access.immutable_paths : { path = path, policy = "immutable" }],
    [for path in module.access.mutable_paths : { path = path, policy = "mutable" }],
  )
}

resource "aws_cloudfront_origin_access_control" "lake" {
  count = local.count

  name                              = var.bucket
  description                       = "Signs CloudFront's requests to the lake's bucket."
  origin_access_control_origin_type = "s3"
  signing_behavior                  = "always"
  signing_protocol                  = "sigv4"
}

resource "aws_cloudfront_cache_policy" "lake" {
  for_each = var.cdn ? { immutable = 31536000, mutable = var.pointer_seconds } : {}

  name        = "${var.bucket}-${each.key}"
  comment     = "Objects of the lake that are ${each.key}"
  min_ttl     = 0
  default_ttl = each.value
  max_ttl     = each.value

  parameters_in_cache_key_and_forwarded_to_origin {
    enable_accept_encoding_brotli = false # parts are gzip, marts are zstd: nothing is left to compress
    enable_accept_encoding_gzip   = false

    cookies_config {
      cookie_behavior = "none"
    }

    headers_config {
      header_behavior = "none"
    }

    query_strings_config {
      query_string_behavior = "none"
    }
  }
}

# For readers in a browser, such as DuckDB-Wasm.
data "aws_cloudfront_response_headers_policy" "cors" {
  count = local.count

  name = "Managed-CORS-with-preflight-and-SecurityHeadersPolicy"
}

resource "aws_cloudfront_distribution" "lake" {
  count = local.count

  enabled         = true
  comment         = "Lake ${var.bucket}"
  http_version    = "http2and3"
  is_ipv6_enabled = true
  price_class     = "PriceClass_200" # with Korea and Japan, without South America and Oceania
  aliases         = var.cdn_domain == null ? [] : [var.cdn_domain]

  origin {
    origin_id                = "lake"
    domain_name              = aws_s3_bucket.lake.bucket_regional_domain_name
    origin_path              = var.prefix == "" ? "" : "/${var.prefix}"
    origin_access_control_id = aws_cloudfront_origin_access_control.lake[0].id
  }

  default_cache_behavior {
    target_origin_id           = "lake"
    cache_policy_id            = aws_cloudfront_cache_policy.lake["mutable"].id
    response_headers_policy_id = data.aws_cloudfront_response_headers_policy.cors[0].id
    viewer_protocol_policy     = "https-only"
    allowed_methods            = ["GET", "HEAD", "OPTIONS"]
    cached_methods             = ["GET", "HEAD"]
    compress                   = false
  }

  dynamic "ordered_cache_behavior" {
    for_each = local.behaviors

    content {
      path_pattern               = ordered_cache_behavior.value.path
      target_origin_id           = "lake"
      cache_policy_id            = aws_cloudfront_cache_policy.lake[ordered_cache_behavior.value.policy].id
      response_headers_policy_id = data.aws_cloudfront_response_headers_policy.cors[0].id
      viewer_protocol_policy     = "https-only"
      allowed_methods            = ["GET", "HEAD", "OPTIONS"]
      cached_methods             = ["GET", "HEAD"]
      compress                   = false
    }
  }

  # S3 answers 403 for objects that CloudFront may not list: a reader that came before the first publication asks again soon.
  dynamic "custom_error_response" {
    for_each = [403, 404]

    content {
      error_code            = custom_error_response.value
      error_caching_min_ttl = 5
    }
  }

  viewer_certificate {
    cloudfront_default_certificate = var.cdn_certificate_arn == null
    acm_certificate_arn            = var.cdn_certificate_arn
    minimum_protocol_version       = var.cdn_certificate_arn == null ? "TLSv1" : "TLSv1.2_2021"
    ssl_support_method             = var.cdn_certificate_arn == null ? null : "sni-only"
  }

  restrictions {
    geo_restriction {
      restriction_type = "none"
    }
  }
}
