# Makes the databases and the user of all services. Arguments: the password, then the databases.
password=$1
shift
for database; do
	mariadb -e "create database if not exists $database character set utf8mb4"
done
mariadb -e "create user if not exists lab@'127.0.0.1' identified by '$password'; grant all on *.* to lab@'127.0.0.1'"
