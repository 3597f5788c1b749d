variable "bucket" {
  description = "Name of the lake's bucket."
  type        = string
}

variable "prefix" {
  description = "What the lake's keys start with in the bucket: empty, or ending with a slash."
  type        = string
}

variable "distribution_arn" {
  description = "The CloudFront distribution in front of the lake, or null if there is none."
  type        = string
}
