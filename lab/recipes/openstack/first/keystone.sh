# Argument: the administrator's password.
keystone-manage db_sync
keystone-manage fernet_setup --keystone-user root --keystone-group root
keystone-manage credential_setup --keystone-user root --keystone-group root
url=http://127.0.0.1:5000/v3
OS_BOOTSTRAP_PASSWORD=$1 keystone-manage bootstrap --bootstrap-region-id RegionOne \
	--bootstrap-public-url $url --bootstrap-internal-url $url --bootstrap-admin-url $url
