# Reads clouds with openstacksdk. Standard input: a list of {"home", "environment", "cloud"}; standard output: a list of what openstacksdk makes of each.
import json
import logging
import os
import sys
import warnings

warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)
from openstack.config import loader  # noqa: E402

found = []
clean = {key: value for key, value in os.environ.items() if not key.startswith("OS_")}
for case in json.load(sys.stdin):
    os.environ.clear()
    os.environ.update(clean, **case["environment"])
    files = {kind: [f"{case['home']}/.config/openstack/{kind}.yaml"] for kind in ("clouds", "secure", "clouds-public")}
    try:
        config = loader.OpenStackConfig(
            config_files=files["clouds"], secure_files=files["secure"], vendor_files=files["clouds-public"])
        region = config.get_one(case["cloud"])
        verify, cert = region.get_requests_verify_args()
        found.append({
            "auth": {key: value for key, value in region.config["auth"].items() if value not in (None, "")},
            "auth_type": region.config["auth_type"],
            "region": region.region_name or None,
            "interface": region.get_interface(),
            "verify": verify,
            "cert": cert,
            "image": region.get_endpoint("image"),
            "volume": region.get_api_version("block-storage"),
            "name": region.name,
        })
    except Exception as error:
        found.append({"error": f"{type(error).__name__}: {error}"})
print(json.dumps(found))
