# The rules of include/gamelake/lake/lifecycle.py, which a test compares with these. Terraform owns a bucket's whole lifecycle
# configuration, so they have to be declared here too; `gamelake lake lifecycle` then finds them in place.

locals {
  raw  = "${var.prefix}raw/"
  name = trimsuffix(local.raw, "/")

  lifecycle_rules = [
    { id = "gamelake-temp-${local.name}", prefix = local.raw, status = "temp", expire_days = 1 },
    { id = "gamelake-outdated-${local.name}", prefix = local.raw, status = "outdated", expire_days = 7 },
    { id = "gamelake-multipart-${local.name}", prefix = local.raw, status = null, abort_days = 1 },
    { id = "gamelake-multipart-${var.prefix}marts", prefix = "${var.prefix}marts/", status = null, abort_days = 1 },
  ]
}
